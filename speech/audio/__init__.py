"""Sound in and out of the speech domain: whole files, files in blocks, and raw PCM in pipes.

Whatever comes in becomes float32 (channels, n) with full scale 1, at the rate of the file; rate,
format, subtype, tags and the exact number of samples go back into the output.

    with open_audio("talk.wav") as reader, create_audio("out/talk.wav", like=reader) as writer:
        for block in reader.blocks(65536):
            writer.write(enhance(block))
"""

from undrift.speech.audio.formats import FORMATS, SUFFIXES, output_suffix
from undrift.speech.audio.raw import Raw, read_raw, spooled
from undrift.speech.audio.reading import Reader, open_audio, read_audio
from undrift.speech.audio.sound import Audio, Samples, Sound, Stored
from undrift.speech.audio.writing import Writer, create_audio, write_audio

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "Audio",
    "Raw",
    "Reader",
    "Samples",
    "Sound",
    "Stored",
    "Writer",
    "create_audio",
    "open_audio",
    "output_suffix",
    "read_audio",
    "read_raw",
    "spooled",
    "write_audio",
]
