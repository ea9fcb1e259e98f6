import json

import pytest

from core.artifacts.integrity import read_sealed_json, sealed_json
from core.errors import ArtifactError

DOCUMENT = {"stage": "chips", "counts": {"n": 12, "names": ["quay", "pier"]}, "empty": {}}


@pytest.mark.parametrize("document", [DOCUMENT, {"n": 1}, {"text": '"checksum": "0"\n}'}])
def test_sealed_json__of_which_any_bit_has_changed_is_damaged(tmp_path, document):
    path, content = tmp_path / "manifest.json", sealed_json(document).encode()
    path.write_bytes(content)
    assert read_sealed_json(path).items() >= document.items()
    for bit in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ArtifactError, match=r"manifest\.json"):
            read_sealed_json(path)


def test_sealed_json__documents_without_a_checksum_can_be_read(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(DOCUMENT, indent=1), encoding="utf-8")
    assert read_sealed_json(path) == DOCUMENT
