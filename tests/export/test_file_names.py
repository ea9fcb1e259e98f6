from core.export.file_names import folder_name, printable_text, safe_stem, unique_texts


def test_safe_stem__only_harmless_characters():
    assert safe_stem("a/b\\c:d*e?<f>|\0é漢.1") == "a_b_c_d_e__f___é漢.1"


def test_folder_name__short_and_without_dots_at_its_ends():
    assert folder_name("..") == "_"
    assert folder_name("cluster_1 big. ") == "cluster_1 big"
    assert len(folder_name("x" * 300)) == 80


def test_printable_text__control_characters_become_spaces():
    assert printable_text("a\nb\x00c\x85é") == "a b c é"


def test_unique_texts__numbers_for_repeated_ones():
    assert unique_texts(["a", "a", "a (2)", "a"]) == ["a", "a (2)", "a (2) (2)", "a (3)"]
