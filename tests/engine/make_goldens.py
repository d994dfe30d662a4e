# Small random models of each family with transformers' logits and gradients, as oracles for tests/engine/tst_families.cpp.
# Usage: make_goldens.py OUT_FOLDER. Writes OUT/<name>/{config.json, model.safetensors, tokenizer.json} and OUT/<name>.golden.safetensors
# (ids, logits, the gradient of the mean next-token loss by every weight under its name).
import json
import os
import sys

import torch
import transformers
from safetensors.torch import save_file

COMMON = dict(vocab_size=512, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=96,
              max_position_embeddings=512, rms_norm_eps=1e-6, attention_dropout=0.0, bos_token_id=1, eos_token_id=2, pad_token_id=None)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64)


def cases():
    from transformers import (LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config,
                              Qwen3ForCausalLM)
    yield "llama_tied", LlamaForCausalLM, LlamaConfig(**COMMON, tie_word_embeddings=True, rope_theta=100000.0)
    yield "llama_untied", LlamaForCausalLM, LlamaConfig(**COMMON, tie_word_embeddings=False)
    yield "llama3_rope", LlamaForCausalLM, LlamaConfig(**COMMON, tie_word_embeddings=True, rope_theta=500000.0, rope_scaling=dict(LLAMA3))
    yield "mistral", MistralForCausalLM, MistralConfig(**COMMON, tie_word_embeddings=False, sliding_window=None)
    yield "mistral_window", MistralForCausalLM, MistralConfig(**COMMON, tie_word_embeddings=False, sliding_window=16)
    yield "qwen2", Qwen2ForCausalLM, Qwen2Config(**COMMON, tie_word_embeddings=True)
    yield "qwen3", Qwen3ForCausalLM, Qwen3Config(**COMMON, head_dim=32, tie_word_embeddings=True)
    try:
        from transformers import SmolLM3Config, SmolLM3ForCausalLM
    except ImportError:
        return
    yield "smollm3", SmolLM3ForCausalLM, SmolLM3Config(**{**COMMON, "num_hidden_layers": 4}, no_rope_layers=[1, 0, 1, 0], tie_word_embeddings=True)


def main(out):
    tokenizer = json.dumps({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
                            "post_processor": None, "decoder": None, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []}})
    for number, (name, kind, config) in enumerate(cases()):
        torch.manual_seed(number)
        config._attn_implementation = "eager"
        model = kind(config).float().eval()
        with torch.no_grad():
            for key, parameter in model.named_parameters():
                # Norms away from 1 and weights large enough that every part matters.
                parameter.copy_(1 + 0.3 * torch.randn_like(parameter) if "norm" in key else 0.15 * torch.randn_like(parameter))
        ids = torch.randint(3, 512, (2, 40))
        logits = model(ids).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].reshape(-1, 512), ids[:, 1:].reshape(-1))
        loss.backward()
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        model.save_pretrained(folder, safe_serialization=True)
        with open(os.path.join(folder, "tokenizer.json"), "w") as file:
            file.write(tokenizer)
        golden = {"ids": ids, "logits": logits.detach().contiguous(), "loss": loss.detach().reshape(1)}
        for key, parameter in model.named_parameters():
            golden["grad." + key] = parameter.grad.contiguous()
        save_file(golden, os.path.join(out, name + ".golden.safetensors"))
        print(name, flush=True)


transformers.logging.set_verbosity_error()
main(sys.argv[1])
