from hypothesis import example, given
from hypothesis import strategies as st

from peerleap.graph.answers import boxes, last_box, parse_based, parse_integer, without_comments

TEXT = st.text(st.sampled_from(list("\\{}boxedf12 ,<>/think\n")), max_size=200)


@given(TEXT, st.integers(-(10**12), 10**12), TEXT.filter(lambda text: "boxed" not in text and "}" not in text))
def test_a_box_after_anything_is_found(before: str, number: int, after: str) -> None:
    # A space, so that a backslash at the end of `before` does not join the command.
    assert last_box(f"{before} \\boxed{{{number}}} {after}") == str(number)


@given(TEXT)
def test_boxes_are_balanced_parts_of_the_text(text: str) -> None:
    for box in boxes(text):
        assert box.content in text[box.start : box.end]


@given(st.integers(-(10**15), 10**15))
def test_integers_survive_every_dress(number: int) -> None:
    spaced = [f"{number:,}".replace(",", comma) for comma in ("\\,", "{,}", ",\\!")]
    plain = [f"{number}", f"{number:,}", f"\\text{{{number}}}", f"${number}$", f"x = {number}", f"{number}^\\circ"]
    dressed = [*spaced, *plain, f"{number}.", f"{number} apples"]
    assert {parse_integer(text) for text in dressed} == {number}


@given(st.text(max_size=60))
def test_no_text_makes_the_integer_parser_fail(text: str) -> None:
    number = parse_integer(text)
    assert number is None or isinstance(number, int)


@example(2, "0a")
@given(st.integers(2, 36), st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=8))
def test_numbers_with_a_base_are_read(base: int, digits: str) -> None:
    parsed = parse_based(f"{digits}_{{{base}}}")
    if len(digits) == 1 and digits.isalpha() and int(digits, 36) >= base:
        assert parsed is None  # a name, such as `x_{2}`
    else:
        assert parsed == (digits.lstrip("0").upper() or "0", base)


def test_comments_are_cut_out_and_hostile_ones_cost_nothing() -> None:
    assert without_comments("a<comment>b</comment>c<comment>d") == "ac"
    assert without_comments("<comment>" * 50_000) == ""
    assert last_box("\\boxed{" * 20_000) is None
    assert last_box("\\boxed{" * 20_000 + "7" + "}" * 20_000) == "7"
