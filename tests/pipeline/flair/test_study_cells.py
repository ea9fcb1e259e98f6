"""What finished cells say of themselves."""

from core.pipeline.flair.study_cells import untaught


def test_untaught__what_lacks_everywhere_is_said_once():
    assert untaught([[9], [9]]) == [
        "class 9 (vineyard) is in no training pixel: it cannot be predicted"
    ]
    assert untaught([[], []]) == untaught([]) == []


def test_untaught__what_lacks_in_a_fold_names_it():
    assert untaught([[5, 9], [9], [9]])[1:] == [
        "fold 1 of 3: class 5 (water) is in no training pixel: it cannot be predicted"
    ]
    (several,) = untaught([[5, 9, 12]])
    assert several.startswith("classes 5 (water), 9 (vineyard) and 12 (plowed land) are in no")
