from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from crm_core.isolation.inspection import Implementation, implementations
from plugin_sdk import hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable


def _found(**attributes: Any) -> list[Implementation]:
    module = ModuleType("hooks")
    vars(module).update(attributes)
    return list(implementations(module))


def _marked(function: Callable[..., Any], **options: Any) -> Any:
    return hookimpl(**options)(function)


def test_only_marked_functions_are_found_with_their_arguments_in_order() -> None:
    def score(record: Any, ctx: Any = None) -> None: ...

    [found] = _found(score=_marked(score), other=print, value=3, score_class=Implementation)
    assert (found.attribute, found.hook, found.arguments) == ("score", "score", ("record", "ctx"))
    assert (found.wraps, found.ordered, found.asynchronous) == (False, False, False)


def test_options_that_the_contract_refuses_are_seen() -> None:
    async def late() -> None: ...

    def many(**everything: Any) -> None: ...

    named, wrapping, asynchronous, open_ended = _found(
        a=_marked(lambda: None, specname="score"),
        b=_marked(lambda: (yield), wrapper=True),
        c=_marked(late, tryfirst=True),
        d=_marked(many),
    )
    assert named.hook == "score"
    assert wrapping.wraps
    assert (asynchronous.asynchronous, asynchronous.ordered) == (True, True)
    [parameter] = open_ended.parameters
    assert (parameter.text, parameter.plain) == ("**everything: 'Any'", False)
