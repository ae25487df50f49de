"""What the pages' cells share: a sound becomes a file within the page."""

import base64
import io
import re
import wave

import IPython.display
import numpy as np
import pytest

from rnnlib import page

WAVE = np.sin(np.arange(400) * 0.3) * np.linspace(0, 3, 400)


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, as HTML."""
    found = []
    monkeypatch.setattr(IPython.display, "display", lambda it: found.append(it.data))
    return found


def test_a_sound_is_a_wav_within_the_page(shown):
    page.play(WAVE, 8000, "a tone")
    [address] = re.findall(r'<audio [^>]*src="([^"]*)"', shown[0])
    kind, _, coded = address.partition(";base64,")
    assert kind == "data:audio/wav"
    with wave.open(io.BytesIO(base64.b64decode(coded))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (8000, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    np.testing.assert_allclose(samples / 32767, WAVE / abs(WAVE).max(), atol=1e-4)


def test_a_sound_says_in_words_what_is_to_be_heard(shown):
    page.play(WAVE, 8000, 'keys "1" & <2>')
    words = "keys &quot;1&quot; &amp; &lt;2&gt;"
    assert f'aria-label="{words}"' in shown[0]
    assert f"<div>{words}</div>" in shown[0]


@pytest.mark.parametrize(
    ("sound", "message"),
    [
        (WAVE[:, None], "wave: got shape (400, 1), expected (T,)"),
        (np.zeros(5), "wave: got silence, or what is no number, expected a sound"),
        (np.array([0.5, np.nan]), "wave: got silence, or what is no number, expected a sound"),
    ],
)
def test_what_is_no_sound_is_refused(sound, message, shown):
    with pytest.raises(ValueError) as error:
        page.play(sound, 8000, "nothing")
    assert str(error.value).startswith(message)
    assert not shown
