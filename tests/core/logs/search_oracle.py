# A second reading of searches, written apart from the program under test: decodes prompt and answer of every Bedrock record and looks through them.
# usage: search_oracle.py RECORDS SEARCHES  ->  one line a search: the numbers of the lines that match, apart by blanks
# A search is a JSON line {"text"|"regex": …, "raw": bool}; regular expressions are those that Python and PCRE2 read alike.
import json
import re
import sys


def joined(parts):
    return "\n".join(part for part in parts if part)


def minified(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def result_text(content):
    if isinstance(content, str):
        return content
    return joined(block if isinstance(block, str) else block["text"] if "text" in block else minified(block["json"]) if "json" in block else "" for block in content)


def message_texts(message):
    """Texts of the messages that one logged message gives: tool results stand before it."""
    content = message["content"]
    if isinstance(content, str):
        return [content]
    results, parts, calls = [], [], []
    for block in content:
        if isinstance(block, str):
            parts.append(block)
        elif "toolUse" in block:
            calls.append(block["toolUse"]["name"] + "(" + minified(block["toolUse"]["input"]) + ")")
        elif block.get("type") == "tool_use":
            calls.append(block["name"] + "(" + minified(block["input"]) + ")")
        elif "toolResult" in block:
            results.append(result_text(block["toolResult"]["content"]))
        elif block.get("type") == "tool_result":
            results.append(result_text(block["content"]))
        elif "text" in block:
            parts.append(block["text"])
    if results and not any(parts) and not calls:
        return results
    return results + [joined([joined(parts)] + calls)]


def answer_text(body):
    if isinstance(body, list):  # chunks of a stream
        text = ""
        for chunk in body:
            if chunk.get("type") == "content_block_delta":
                text += chunk["delta"]["text"]
            elif "contentBlockDelta" in chunk:
                text += chunk["contentBlockDelta"]["delta"]["text"]
        return text
    return message_texts(body["output"]["message"] if "output" in body else body)[-1]


def decoded(record):
    body, texts = record["input"]["inputBodyJson"], []
    system = body.get("system", "")
    if not isinstance(system, str):
        system = joined(block.get("text", "") for block in system)
    if system:
        texts.append(system)
    for message in body["messages"]:
        texts += message_texts(message)
    output = record.get("output", {}).get("outputBodyJson")
    if output is not None:
        texts.append(answer_text(output))
    whole = ""
    for text in texts:
        whole += ("\n" if whole else "") + text
    return whole


lines = [line for line in open(sys.argv[1], encoding="utf-8", newline="\n").read().split("\n") if line]
texts = [decoded(json.loads(line)) for line in lines]
for search in open(sys.argv[2], encoding="utf-8"):
    search = json.loads(search)
    where = lines if search["raw"] else texts
    if "text" in search:
        hits = [i for i, text in enumerate(where) if search["text"] in text]
    else:
        pattern = re.compile(search["regex"], re.ASCII if "(?i)" not in search["regex"] else 0)
        hits = [i for i, text in enumerate(where) if text and pattern.search(text)]
    print(" ".join(map(str, hits)))
