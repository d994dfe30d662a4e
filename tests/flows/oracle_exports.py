# Holds an export against the programs its users will run: transformers loads the folder, gguf and llama.cpp the file, and both say
# the greedy tokens that verify.json recorded of the student. Prints one JSON object; rows that part at a near tie are counted.
import json
import sys
from pathlib import Path

NEAR_TIE = 0.02


def compare(recorded, answer):
    """same | near | different, by the first place where two answers part; `answer` is [(id, lead)]."""
    for at, want in enumerate(recorded):
        if at >= len(answer):
            return "different"
        token, lead = answer[at]
        if token != want:
            return "near" if lead < NEAR_TIE else "different"
    return "same"


def by_transformers(folder, rows):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    out = {"same": 0, "near": 0, "different": 0, "prompts": 0}
    for row in rows:
        ids = tokenizer.apply_chat_template(row["messages"], add_generation_prompt=True, tokenize=True, return_dict=False)
        out["prompts"] += ids == row["ids"]
        with torch.no_grad():
            made = model.generate(torch.tensor([row["ids"]]), do_sample=False, max_new_tokens=max(1, len(row["student"])), output_scores=True,
                                  return_dict_in_generate=True, pad_token_id=0)
        answer = []
        for token, scores in zip(made.sequences[0][len(row["ids"]):], made.scores):
            best = torch.log_softmax(scores[0].double(), -1).topk(2).values
            answer.append((int(token), float(best[0] - best[1])))
        out[compare(row["student"], answer)] += 1
    return out


def by_llama_cpp(path, rows):
    import xllamacpp as xlc
    params = xlc.CommonParams()
    params.model.path = path
    params.n_ctx = 512
    params.n_parallel = 1
    params.warmup = False
    params.cpuparams.n_threads = 1
    server = xlc.Server(params)
    out = {"same": 0, "near": 0, "different": 0}
    for row in rows:
        body = {"prompt": row["ids"], "n_predict": max(1, len(row["student"])), "temperature": 0, "n_probs": 2, "return_tokens": True, "cache_prompt": False}
        result = server.handle_completions(body)
        answer = []
        for place in result["choices"][0]["logprobs"]["content"]:
            top = sorted((t["logprob"] for t in place["top_logprobs"]), reverse=True)
            answer.append((place["id"], top[0] - top[1] if len(top) > 1 else 99.0))
        out[compare(row["student"], answer)] += 1
    return out


def by_gguf(path):
    from gguf import GGUFReader
    reader = GGUFReader(path)
    return {"tensors": len(reader.tensors), "architecture": reader.fields["general.architecture"].contents()}


def main(folder):
    folder = Path(folder)
    rows = json.loads((folder / "verify.json").read_text())["recorded"]
    out = {}
    for made in json.loads((folder / "card.json").read_text())["artefacts"]:
        path = str(folder / made["path"])
        if made["format"] == "hf":
            out["transformers"] = by_transformers(path, rows)
        elif made["format"].startswith("gguf:"):
            out.setdefault("gguf", {})[made["format"]] = by_gguf(path)
            if made["format"] in ("gguf:f32", "gguf:f16"):
                out.setdefault("llama_cpp", {})[made["format"]] = by_llama_cpp(path, rows)
    print(json.dumps(out))


main(sys.argv[1])
