// A tokenizer.json in the order of fields that its own library writes.
#include "text/json_text.h"

namespace retort::text {
namespace {

std::string quotedJson(std::string_view text) { return dumpJson(Json(std::string(text))); }
const char* boolJson(bool value) { return value ? "true" : "false"; }

}  // namespace

std::string writeTokenizerJson(const BpeDocument& d) {
  std::string out = "{\n  \"version\": \"1.0\",\n  \"truncation\": null,\n  \"padding\": null,\n  \"added_tokens\": [";
  for (std::size_t i = 0; i < d.added.size(); ++i) {
    const AddedToken& t = d.added[i];
    out += i == 0 ? "\n    " : ",\n    ";
    out += "{\"id\": " + std::to_string(t.id) + ", \"content\": " + quotedJson(t.content) + ", \"single_word\": " + boolJson(t.singleWord) + ", \"lstrip\": " + boolJson(t.leftStrip) +
           ", \"rstrip\": " + boolJson(t.rightStrip) + ", \"normalized\": " + boolJson(t.normalized) + ", \"special\": " + boolJson(t.special) + "}";
  }
  out += "\n  ],\n  \"normalizer\": " + dumpJson(d.normalizer) + ",\n  \"pre_tokenizer\": " + dumpJson(d.preTokenizer) + ",\n  \"post_processor\": null,\n  \"decoder\": " + dumpJson(d.decoder);
  out += ",\n  \"model\": {\n    \"type\": \"BPE\",\n    \"dropout\": null,\n    \"unk_token\": " + (d.unknown.empty() ? std::string("null") : quotedJson(d.unknown));
  out += std::string(",\n    \"continuing_subword_prefix\": null,\n    \"end_of_word_suffix\": null,\n    \"fuse_unk\": ") + boolJson(d.fuseUnknown) + ",\n    \"byte_fallback\": " + boolJson(d.byteFallback) +
         ",\n    \"ignore_merges\": " + boolJson(d.ignoreMerges) + ",\n    \"vocab\": {";
  bool first = true;
  for (std::size_t i = 0; i < d.tokens.size(); ++i) {
    if (d.tokens[i].empty()) continue;
    out += first ? "\n      " : ",\n      ";
    first = false;
    out += quotedJson(d.tokens[i]) + ": " + std::to_string(i);
  }
  out += "\n    },\n    \"merges\": [";
  for (std::size_t i = 0; i < d.merges.size(); ++i) {
    out += i == 0 ? "\n      [" : ",\n      [";
    out += quotedJson(d.merges[i].first) + ", " + quotedJson(d.merges[i].second) + "]";
  }
  out += "\n    ]\n  }\n}\n";
  return out;
}

}  // namespace retort::text
