"""What a plugin's route reads and answers: pydantic's models, used the same way in this process and in a worker."""

from __future__ import annotations

from typing import Any

import pydantic

from crm_core.isolation.failures import BodyProblem


def body_of(model: type[pydantic.BaseModel] | None, raw: bytes) -> pydantic.BaseModel | None:
    """Return the body of a request as the route's model; None where the route takes none."""
    if model is None:
        return None
    try:
        return model.model_validate_json(raw)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        message = f"the request body does not fit: {where.lstrip('.') or 'the whole'}: {first['msg']}"
        raise BodyProblem(f"${where}", message) from None


def answer_of(model: type[pydantic.BaseModel], result: Any) -> bytes:
    """Return what the handler returned as JSON, checked against the model the route promises."""
    # A model's own instance too: its fields may have been set to anything since.
    values = result.model_dump(warnings=False) if isinstance(result, pydantic.BaseModel) else result
    return model.model_validate(values).model_dump_json().encode()
