# Reference implementations for the tests of model files: gguf's codecs and reader, safetensors, peft.
import hashlib
import json
import sys
from pathlib import Path

import numpy as np


def codecs(folder):
    """values.f32 -> <type>.bin for the 32-blocks; <type>.blocks -> <type>.f32 for every type that is decoded."""
    from gguf import GGMLQuantizationType as T, quants
    folder = Path(folder)
    values = np.fromfile(folder / "values.f32", dtype=np.float32)
    for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "F16", "BF16"):
        quants.quantize(values.reshape(-1, 256), T[name]).tofile(folder / f"{name}.bin")
    for path in folder.glob("*.blocks"):
        kind = T[path.stem]
        raw = np.fromfile(path, dtype=np.uint8)
        quants.dequantize(raw.reshape(1, -1), kind).astype(np.float32).tofile(folder / f"{path.stem}.f32")


def kquants(folder):
    """values.f32 (rows of 512) and importance.f32 -> <type>.rmse: plain and weighted RMSE of llama.cpp's own encoder, without and with importance."""
    import ctypes
    import glob
    import os
    import xllamacpp
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as T, quants
    lib = ctypes.CDLL(glob.glob(os.path.join(os.path.dirname(xllamacpp.__file__), "xllamacpp*.so"))[0])
    lib.ggml_quantize_chunk.restype = ctypes.c_size_t
    lib.ggml_quantize_chunk.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p]
    folder = Path(folder)
    values = np.fromfile(folder / "values.f32", dtype=np.float32).reshape(-1, 512)
    importance = np.fromfile(folder / "importance.f32", dtype=np.float32)
    for name in ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q4_0", "Q4_1", "Q5_0", "Q5_1"):
        elements, size = GGML_QUANT_SIZES[T[name]]
        out = []
        for weights in (None, importance.ctypes.data):
            raw = np.zeros(values.size // elements * size, dtype=np.uint8)
            lib.ggml_quantize_chunk(T[name].value, values.ctypes.data, raw.ctypes.data, 0, values.shape[0], 512, weights)
            off = (quants.dequantize(raw.reshape(values.shape[0], -1), T[name]) - values).astype(np.float64) ** 2
            out += [np.sqrt(off.mean()), np.sqrt((off * importance).mean())]
        (folder / f"{name}.rmse").write_text(" ".join(map(repr, map(float, out))))


def safetensors(ours, theirs):
    """Loads ours, prints name, dtype, shape and hash of each tensor, and saves them again as theirs."""
    import torch
    from safetensors.torch import load_file, save_file
    tensors = load_file(ours)
    out = {k: [str(v.dtype), list(v.shape), hashlib.sha256(v.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()] for k, v in tensors.items()}
    save_file(tensors, theirs, metadata={"format": "pt"})
    print(json.dumps(out, sort_keys=True))


def gguf(path):
    """Lists what gguf's own reader sees."""
    from gguf import GGUFReader
    reader = GGUFReader(path)
    tensors = {t.name: [t.tensor_type.name, [int(n) for n in t.shape], hashlib.sha256(t.data.tobytes()).hexdigest()] for t in reader.tensors}
    fields = {k: f.contents() for k, f in reader.fields.items() if not k.startswith("GGUF.") and not k.startswith("tokenizer.ggml.t") and not k.startswith("tokenizer.ggml.merges")}
    print(json.dumps({"tensors": tensors, "fields": fields}, sort_keys=True))


def dequantised(path, name):
    """SHA-256 of one tensor's de-quantised f32 values."""
    from gguf import GGUFReader, quants
    tensor = next(t for t in GGUFReader(path).tensors if t.name == name)
    print(hashlib.sha256(quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).tobytes()).hexdigest())


def peft(base, adapter):
    """Loads base and adapter as PEFT does and prints the hash of each merged projection."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    merged = PeftModel.from_pretrained(model, adapter).merge_and_unload()
    q = merged.model.layers[0].self_attn.q_proj.weight
    print(json.dumps([float(q[0, 0]), float(q[3, 5]), float(q.double().sum())]))


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
