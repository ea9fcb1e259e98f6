"""Names: values are named by nouns, and public functions and modules have unique names."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for package in ("core", "app", "pages")
    for path in sorted((ROOT / package).rglob("*.py"))
}

# Words that don't say what a value is, each with what to write instead.
VAGUE = {
    "asked": "a participle: requested_settings, attribute, query",
    "at": "a preposition: position, index, row",
    "beside": "an adverb: neighbour, other_view",
    "done": "a participle: run, n_finished",
    "done_": "a participle: run, n_finished",
    "found": "a participle: the noun of what was found (survey, artifact, labelling)",
    "given": "a participle: options, values, arguments",
    "here": "an adverb: scene, folder, n_present",
    "judged": "a participle: scores, evaluation",
    "kept": "a participle: saved, included, rows",
    "learnt": "a participle: model, fit",
    "made": "a participle: artifact, table, image",
    "mine": "a pronoun: members, own_rows",
    "now": "an adverb: current, started, time",
    "one": "a pronoun: the noun of the element (scene, chip, patch, row)",
    "others": "a pronoun: the noun of the elements",
    "own": "an adjective: own_columns, method_ids",
    "place": "workspace for a folder, position for a point",
    "rest": "a pronoun: remaining_rows",
    "said": "a participle: prediction, message",
    "shown": "a participle: displayed, view, rows",
    "taken": "a participle: names, occupied",
    "taught": "a participle: training_pixels",
    "theirs": "a pronoun: other_rows, reference",
    "there": "an adverb: present, artifacts, known",
    "told": "a participle: sentences, messages",
    "wanted": "a participle: requested, names, inputs",
    "what": "a pronoun: name, subject",
    "whole": "an adjective: complete, full_image",
}
# Names that several modules may share, each with the reason.
SAME_ROLE: dict[str, str] = {}


def stored_names(tree: ast.AST) -> list[str]:
    """Return the names of arguments, of assigned values and of loop variables."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            names.append(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.append(node.id)
    return names


def test_values__are_nouns():
    vague = {
        f"{path.relative_to(ROOT)}: {name} ({VAGUE[name]})"
        for path, tree in MODULES.items()
        for name in stored_names(tree)
        if name in VAGUE
    }
    assert vague == set()


def test_stored_names__include_arguments_assignments_and_loops():
    tree = ast.parse("def f(place, *, found):\n    for one in (told := found):\n        made = one")
    assert set(stored_names(tree)) == {"place", "found", "one", "told", "made"}


def test_public_functions__have_unique_names():
    modules = defaultdict(list)
    for path, tree in MODULES.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                modules[node.name].append(str(path.relative_to(ROOT)))
    shared = {name: paths for name, paths in modules.items() if len(paths) > 1}
    assert {name: paths for name, paths in shared.items() if name not in SAME_ROLE} == {}


def test_modules__have_unique_names():
    paths = defaultdict(list)
    for path in MODULES:
        if path.name not in ("__init__.py", "__main__.py") and path.parent.name != "pages":
            paths[path.stem].append(str(path.relative_to(ROOT)))
    assert {stem: same for stem, same in paths.items() if len(same) > 1} == {}
