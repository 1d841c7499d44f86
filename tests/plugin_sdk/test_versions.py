from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import InvalidVersion
from packaging.version import Version as InstallerVersion

from plugin_sdk.errors import RangeError
from plugin_sdk.versions import Range, Version, is_pep440, is_post_release, parse_version

SMALL = st.integers(0, 3)
PRERELEASES = st.sampled_from(["0", "a.1", "rc.1", "rc.2", "rc.10"])
RELEASES = st.builds(Version, SMALL, SMALL, SMALL)
VERSIONS = st.builds(Version, SMALL, SMALL, SMALL, st.none() | PRERELEASES)
PARTIALS = st.lists(SMALL, min_size=1, max_size=3).map(lambda numbers: ".".join(map(str, numbers)))
TARGETS = VERSIONS.map(str) | PARTIALS | PARTIALS.map(lambda text: text if text.count(".") > 1 else f"{text}.x")
OPERATORS = ["", "=", "==", "!=", "<", "<=", ">", ">=", "^", "~"]
PARTS = st.builds("{}{}".format, st.sampled_from(OPERATORS), TARGETS) | st.just("*")
GROUPS = st.lists(PARTS, min_size=1, max_size=4)
RANGE_LISTS = st.lists(GROUPS, min_size=1, max_size=3)
RANGES = RANGE_LISTS.map(lambda groups: Range.parse(" || ".join(",".join(group) for group in groups)))
GRID = [Version(*numbers) for numbers in itertools.product(range(5), repeat=3)]


def v(text: str) -> Version:
    return parse_version(text)


def inside(range_: str, version: str, *, prereleases: bool = False) -> bool:
    return Range.parse(range_).contains(v(version), prereleases=prereleases)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("^1.2.3", ">=1.2.3,<2.0.0"),
        ("^1", ">=1.0.0,<2.0.0"),
        ("^0.1", ">=0.1.0,<0.2.0"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0.0,<0.1.0"),
        ("^0", ">=0.0.0,<1.0.0"),
        ("^1.2.3-rc.1", ">=1.2.3-rc.1,<2.0.0"),
        ("~1.2.3", ">=1.2.3,<1.3.0"),
        ("~1.2", ">=1.2.0,<1.3.0"),
        ("~1", ">=1.0.0,<2.0.0"),
        ("1.2", ">=1.2.0,<1.3.0"),
        ("=1.x", ">=1.0.0,<2.0.0"),
        ("1.2.*", ">=1.2.0,<1.3.0"),
        (">=1.2", ">=1.2.0"),
        ("<1", "<1.0.0"),
        (">1.2", ">=1.3.0"),
        ("<=1.2", "<1.3.0"),
        ("1.2.0", "=1.2.0"),
        ("==1.2.0", "=1.2.0"),
        ("!=1.2", "!=1.2.*"),
        ("*", "*"),
        ("* , >=1", ">=1.0.0"),
        ("<1 || > 2.0.0   <3", "<1.0.0 || >2.0.0,<3.0.0"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert str(Range.parse(text)) == canonical


@pytest.mark.parametrize(
    ("text", "where", "fix"),
    [
        ("", "at position 1:", '"*" for any version'),
        (">=1 ||", "at position 7:", '"*" for any version'),
        (">=", 'at position 1 ">="', "write a version after it"),
        (">= , 1", 'at position 1 ">="', "write a version after it"),
        (">=1,,<2", 'at position 5 ","', "remove the comma"),
        (",1", 'at position 1 ","', "remove the comma"),
        ("1,", 'at position 2 ","', "remove the comma"),
        ("~=1.2", 'at position 1 "~="', 'write "^1.2"'),
        ("1.2 - 2.3", 'at position 5 "-"', ">=1.2,<2.3"),
        (">=1 v2", 'at position 5 "v2"', 'remove the "v"'),
        ("1.2.3+build", "1.2.3+build", 'remove the part from "+"'),
        ("01.2", 'at position 1 "01.2"', "without leading zeros"),
        ("1.2.3.4", "not a version", "up to three numbers"),
        (">=1<2", 'at position 4 "<"', "comma or a blank"),
        (">*", 'at position 2 "*"', "alone"),
        ("1.*.2", "number after a wildcard", "end with the wildcard"),
        ("1.2-rc.1", "incomplete version", "all three numbers"),
        ("1 | 2", 'at position 3 "|"', '"||"'),
        ("<<1", 'at position 1 "<<"', "use one of"),
        ("٣", "not a version", "up to three numbers"),
        ("1 " * 300, "600 characters", "at most 500"),
    ],
)
def test_an_unreadable_range_names_position_token_and_fix(text: str, where: str, fix: str) -> None:
    with pytest.raises(RangeError) as caught:
        Range.parse(text)
    assert where in str(caught.value)
    assert fix in str(caught.value)


@pytest.mark.parametrize(
    ("range_", "version", "by_default", "with_prereleases"),
    [
        (">=1.0.0", "1.1.0-rc.1", False, True),
        (">=1.0.0-rc.1", "1.0.0-rc.2", True, True),
        (">=1.0.0-rc.1", "1.0.0-a.1", False, False),
        (">=1.0.0-rc.1", "1.1.0-rc.2", False, True),
        (">=1.0.0-rc.1 || >=1.1.0", "1.1.0-rc.2", False, True),  # the naming condition is in another group
        ("^1.2", "2.0.0-rc.1", False, False),  # below 2 does not mean the beta of 2
        (">=2.0.0-a.1,<2.0.0", "2.0.0-rc.1", True, True),
        ("*", "1.0.0-rc.1", False, True),
        ("=1.0.0-rc.1", "1.0.0-rc.1", True, True),
        ("=1.0.0-rc.2", "1.0.0-rc.10", False, False),
        (">1.0.0-rc.2", "1.0.0-rc.10", True, True),  # numeric identifiers compare as numbers
    ],
)
def test_the_prerelease_rules(range_: str, version: str, *, by_default: bool, with_prereleases: bool) -> None:
    assert inside(range_, version) is by_default
    assert inside(range_, version, prereleases=True) is with_prereleases


def test_build_metadata_plays_no_role() -> None:
    assert inside("=1.0.0", "1.0.0+build.7")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*", "any version"),
        ("^1.2", "1.2.0 or newer, and older than 2.0.0"),
        ("=1.0.0 || >2.0.0 !=2.1", "exactly 1.0.0\nnewer than 2.0.0, and not 2.1.*"),
        ("<=3.0.0-rc.1", "3.0.0-rc.1 or older (prereleases of 3.0.0 count)"),
    ],
)
def test_explain(text: str, words: str) -> None:
    assert Range.parse(text).explain() == words


@given(RANGES)
def test_the_canonical_text_reads_back_as_an_equal_range(range_: Range) -> None:
    again = Range.parse(str(range_))
    assert again == range_
    assert hash(again) == hash(range_)
    assert str(again) == str(range_)
    assert len(range_.explain().splitlines()) == len(range_.alternatives)


@given(RANGE_LISTS, st.randoms(use_true_random=False))
def test_order_and_separators_play_no_role(groups: list[list[str]], random: object) -> None:
    shuffled = [random.sample(group, len(group)) for group in random.sample(groups, len(groups))]  # type: ignore[attr-defined]
    assert Range.parse("||".join(" ".join(group) for group in shuffled)) == Range.parse(
        " || ".join(" , ".join(group) for group in groups)
    )


@given(st.sampled_from(OPERATORS), TARGETS, st.text(" \t\n", max_size=3), st.text(" \t\n", max_size=3))
def test_whitespace_plays_no_role(op: str, target: str, outer: str, inner: str) -> None:
    assert Range.parse(f"{outer}{op}{inner}{target}{outer},{inner}*{outer}") == Range.parse(f"{op}{target}")


@given(VERSIONS, VERSIONS, st.booleans())
def test_caret_and_tilde_equal_their_expansion(low: Version, version: Version, prereleases: bool) -> None:  # noqa: FBT001
    if low.major:
        ceiling = Version(low.major + 1)
    else:
        ceiling = Version(0, low.minor + 1) if low.minor else Version(0, 0, low.patch + 1)
    for sugar, plain in ((f"^{low}", f">={low},<{ceiling}"), (f"~{low}", f">={low},<{low.major}.{low.minor + 1}.0")):
        assert Range.parse(sugar) == Range.parse(plain)
        found = Range.parse(sugar).contains(version, prereleases=prereleases)
        assert found == Range.parse(plain).contains(version, prereleases=prereleases)


@given(RELEASES, RELEASES)
def test_a_caret_range_never_changes_the_leftmost_nonzero_number(low: Version, version: Version) -> None:
    numbers = low.to_tuple()[:3]
    kept = next((index for index, number in enumerate(numbers) if number), 2) + 1
    same = version.to_tuple()[:kept] == numbers[:kept]
    assert (version in Range.parse(f"^{low}")) == (same and version >= low)


@given(VERSIONS, RELEASES, RELEASES)
def test_bounds_are_monotonic(bound: Version, one: Version, two: Version) -> None:
    low, high = sorted([one, two])
    for op in (">", ">="):
        assert (low not in Range.parse(f"{op}{bound}")) or high in Range.parse(f"{op}{bound}")
    for op in ("<", "<="):
        assert (high not in Range.parse(f"{op}{bound}")) or low in Range.parse(f"{op}{bound}")


@given(TARGETS, VERSIONS)
def test_equal_and_not_equal_are_complements(target: str, version: Version) -> None:
    equal = Range.parse(f"={target}").contains(version, prereleases=True)
    different = Range.parse(f"!={target}").contains(version, prereleases=True)
    assert equal != different


@given(VERSIONS, RELEASES)
def test_bounds_are_complements_for_releases(bound: Version, version: Version) -> None:
    assert (version in Range.parse(f"<{bound}")) != (version in Range.parse(f">={bound}"))
    assert (version in Range.parse(f">{bound}")) != (version in Range.parse(f"<={bound}"))


@given(GROUPS, VERSIONS)
def test_and_narrows_and_or_widens(parts: list[str], version: Version) -> None:
    each = [Range.parse(part).contains(version, prereleases=True) for part in parts]
    if version.prerelease is None:
        assert Range.parse(",".join(parts)).contains(version) == all(each)
    assert Range.parse("||".join(parts)).contains(version, prereleases=True) == any(each)


@given(RANGES, VERSIONS)
def test_asking_for_prereleases_only_adds_prereleases(range_: Range, version: Version) -> None:
    if version in range_:
        assert range_.contains(version, prereleases=True)
    if version.prerelease is None:
        assert (version in range_) == range_.contains(version, prereleases=True)


@given(RANGES, RANGES, VERSIONS)
def test_overlaps(one: Range, two: Range, version: Version) -> None:
    assert one.overlaps(two) == two.overlaps(one)
    if any(each in one and each in two for each in [version, *GRID]):
        assert one.overlaps(two)


def test_ranges_without_a_common_version_do_not_overlap() -> None:
    assert not Range.parse("^1.2").overlaps(Range.parse("<1.2 || >=2"))
    assert not Range.parse("1.2,!=1.2.0").overlaps(Range.parse("<=1.2.0"))
    assert Range.parse("1.2,!=1.2.0").overlaps(Range.parse("<=1.2.1"))
    assert not Range.parse("!=1.*").overlaps(Range.parse("^1"))


@given(st.text() | st.text("0123456789.*xX<>=!~^|,&-+ vrc\n\u0663", max_size=20))
def test_junk_raises_only_range_errors(text: str) -> None:
    for read in (Range.parse, parse_version):
        try:
            result = read(text)
        except RangeError as error:
            assert "; " in str(error)  # noqa: PT017  # both outcomes are allowed, each has its own law
        else:
            assert read(str(result)) == result


@given(VERSIONS)
def test_a_version_reads_back(version: Version) -> None:
    assert parse_version(str(version)) == version


@pytest.mark.parametrize("text", ["1", "1.0", "v1.0.0", "1.0.0\n", " 1.0.0", "01.0.0", "1.0.٣", "1.0.0-", "9" * 5000])
def test_a_bad_version_names_itself_and_the_fix(text: str) -> None:
    with pytest.raises(RangeError, match="not a SemVer version; write three numbers") as caught:
        parse_version(text)
    assert text[:100] in str(caught.value)


@pytest.mark.parametrize(
    ("text", "accepted", "post"),
    [
        ("1.2.0", True, False),
        ("1.2.0-rc.1", True, False),
        ("1.2.0-rc1", True, False),
        ("1.2.0-ALPHA.2", True, False),
        ("1.2.0-dev.3", True, False),
        ("1.2.0-rc.1.dev.2", True, False),
        ("1.2.0+linux.5", True, False),
        ("1.2.0-1", True, True),
        ("1.2.0-post.1", True, True),
        ("1.2.0-rc.1-2", True, True),
        ("1.2.0-nightly", False, False),
        ("1.2.0-0.3.7", False, False),
        ("1.2.0-rc.1.2", False, False),
        ("1.2.0\n", False, False),
    ],
)
def test_what_python_installers_accept(text: str, *, accepted: bool, post: bool) -> None:
    assert is_pep440(text) is accepted
    assert is_post_release(text) is post


WORDS = st.sampled_from(["1", "0", "rc", "a", "beta", "preview", "pre", "c", "dev", "post", "r", "rev", "x", "+", "!"])


@given(st.lists(WORDS | st.sampled_from([".", "-", "_", "v"]), max_size=8).map(lambda end: "1.2.0" + "".join(end)))
def test_the_pep440_check_agrees_with_the_installers_own(text: str) -> None:
    try:
        version = InstallerVersion(text)
    except InvalidVersion:
        assert not is_pep440(text)
    else:
        assert is_pep440(text)
        assert is_post_release(text) == version.is_postrelease
