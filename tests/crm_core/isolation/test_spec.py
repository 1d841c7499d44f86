from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crm_core.isolation.spec import WorkerSpec

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
_SPECS = st.builds(
    WorkerSpec,
    plugin=_TEXT,
    paths=st.lists(_TEXT, max_size=5).map(tuple),
    memory_bytes=st.integers(0, 2**40),
    require=st.frozensets(_TEXT, max_size=5),
    scratch=st.none() | _TEXT,
)


@given(_SPECS)
def test_a_spec_arrives_as_it_was_sent(spec: WorkerSpec) -> None:
    assert WorkerSpec.from_frame(spec.to_frame()) == spec
