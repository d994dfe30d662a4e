// Vocabularies from GGUF to tokenizer.json and back.
#include <algorithm>
#include <cstdio>
#include <unordered_set>

#include "base/format.h"
#include "text/bpe.h"
#include "text/gguf_parts.h"
#include "text/gguf_pretokenizers.h"
#include "text/json_fields.h"
#include "text/json_text.h"
#include "text/pretokenizer.h"
#include "text/tokenizer_error.h"
#include "text/tokenizer_file.h"

namespace retort::text {
namespace {

/// Every merge of a byte-level vocabulary whose parts and result are tokens.
Status addByteMerges(const GgufVocabulary& v, const TokenTable& tokens, BpeDocument& out) {
  for (const std::string& text : v.merges) {
    const std::size_t space = text.find(' ', 1);
    if (space == text.npos) return badTokenizer("the merge " + shown(text) + " has no space between its two parts", "tokenizer.ggml.merges");
    const std::string_view view = text;
    Merge merge;
    if (mergeOf(tokens, view.substr(0, space), view.substr(space + 1), 0, merge)) out.merges.emplace_back(view.substr(0, space), view.substr(space + 1));
  }
  return {};
}

/// SentencePiece merges in the order of score. Where one token can be made in several ways the file's reader ranks them one by
/// one: longer left parts first comes nearest to "the leftmost pair wins".
Status addScoredMerges(const GgufVocabulary& v, const TokenTable& tokens, BpeDocument& out) {
  if (v.scores.empty()) return badTokenizer("its SentencePiece vocabulary has no scores", "tokenizer.ggml.scores");
  std::vector<bool> data(v.tokens.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    const int type = ggufTokenType(v, i);
    data[i] = type == kGgufNormal || type == kGgufUser;
  }
  RETORT_TRY(std::vector<Merge> merges, mergesByScore(tokens, v.scores, data));
  std::stable_sort(merges.begin(), merges.end(), [&](const Merge& a, const Merge& b) {
    return a.rank != b.rank ? a.rank < b.rank : tokens.at(a.left).size() > tokens.at(b.left).size();
  });
  for (const Merge& merge : merges) out.merges.emplace_back(tokens.at(merge.left), tokens.at(merge.right));
  return {};
}

/// The part of a pre-tokenizer that decides how text is cut, in one line: what two files must share to be the same.
std::string signatureOf(const Json& pre) {
  const std::string type = typeOf(pre);
  if (type == "Sequence") {
    std::string out;
    if (const Json* list = fieldOf(pre, "pretokenizers"); list && list->is_array())
      for (const Json& part : *list) out += signatureOf(part);
    return out;
  }
  if (type == "ByteLevel") return std::string(boolField(pre, "add_prefix_space", true) ? "prefix;" : "") + (boolField(pre, "use_regex", true) ? "gpt-2;" : "");
  if (type == "Digits") return boolField(pre, "individual_digits", false) ? "digit;" : "digits;";
  if (type == "Split") {
    const Json* pattern = fieldOf(pre, "pattern");
    const std::string regex = pattern ? stringField(*pattern, "Regex") : "";
    if (!regex.empty()) return ruleOfPattern(regex) == ScanRule::Gpt2 ? "gpt-2;" : regex == "\\p{N}" ? "digit;" : regex + ";";
  }
  return dumpJson(pre) + ";";
}

/// The first regular expression of a pre-tokenizer, or its type, for an error.
std::string nameOf(const Json& pre) {
  if (pre.is_null()) return "(none)";
  const std::string signature = signatureOf(pre);
  return signature.empty() ? typeOf(pre) : signature.substr(0, signature.size() - 1);
}

Result<GgufPreTokenizer> recognise(const TokenizerFile& file, std::string_view where) {
  const std::string signature = signatureOf(file.part("pre_tokenizer"));
  const bool ignoresMerges = boolField(file.model(), "ignore_merges", false);
  for (const std::string& name : ggufPreTokenizerNames()) {
    const auto known = ggufPreTokenizer(name);
    if (known && signatureOf(known->preTokenizer) == signature && known->ignoreMerges == ignoresMerges && dumpJson(known->normalizer) == dumpJson(file.part("normalizer")))
      return *known;
  }
  Error error = unsupportedPart("pre-tokenizer", nameOf(file.part("pre_tokenizer")), where);
  error.why = "no GGUF pre-tokenizer name stands for its regular expression " + shown(nameOf(file.part("pre_tokenizer"))) +
              (file.part("normalizer").is_null() ? std::string() : " with the normalizer " + shown(dumpJson(file.part("normalizer"))));
  error.next = "Export to a Hugging Face folder instead, which keeps tokenizer.json as it is.";
  return error;
}

/// True for the files of SentencePiece BPE: spaces become U+2581, unknown characters become bytes. `prefix` gets whether a space
/// is put in front.
bool isSentencePiece(const TokenizerFile& file, bool& prefix) {
  if (!boolField(file.model(), "byte_fallback", false)) return false;
  const Json& pre = file.part("pre_tokenizer");
  if (typeOf(pre) == "Metaspace") {
    prefix = stringField(pre, "prepend_scheme", boolField(pre, "add_prefix_space", true) ? "always" : "never") != "never";
    return file.part("normalizer").is_null();
  }
  const std::string normalizer = dumpJson(file.part("normalizer"));
  prefix = normalizer == dumpJson(spmNormalizer(true));
  return pre.is_null() && (prefix || normalizer == dumpJson(spmNormalizer(false)));
}

bool isByteToken(std::string_view token) {
  const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
  return token.size() == 6 && token.starts_with("<0x") && hex(token[3]) && hex(token[4]) && token[5] == '>';
}

/// Scores in the order of merges; single characters, which no merge makes, come behind them.
void addScores(const TokenizerFile& file, GgufVocabulary& out) {
  std::unordered_map<std::string, float> score;
  float next = 0;
  for (const auto& [left, right] : file.merges)
    if (score.emplace(left + right, next).second) next -= 1;
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    const auto it = score.find(out.tokens[i]);
    if (out.types[i] != kGgufNormal && out.types[i] != kGgufUser) out.scores.push_back(0);
    else out.scores.push_back(it != score.end() ? it->second : next - static_cast<float>(i));
  }
}

}  // namespace

Result<std::string> tokenizerJsonFromGguf(const GgufVocabulary& v) {
  constexpr std::string_view where = "tokenizer.ggml";
  RETORT_CHECK(checkGgufVocabulary(v, where));
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < v.tokens.size(); ++i) {
    if (!isValidUtf8(v.tokens[i])) return badTokenizer("token " + std::to_string(i) + " is not valid UTF-8", where);
    if (!v.tokens[i].empty() && !seen.insert(v.tokens[i]).second) return badTokenizer("the token " + shown(v.tokens[i]) + " stands twice in its vocabulary", where);
  }
  const TokenTable tokens(v.tokens);
  BpeDocument out;
  out.tokens = v.tokens;
  out.added = ggufAddedTokens(v);
  if (v.model == "gpt2") {
    auto pre = ggufPreTokenizer(v.pre);
    if (!pre) return unsupportedPart("GGUF pre-tokenizer", v.pre, where);
    out.normalizer = std::move(pre->normalizer);
    out.preTokenizer = std::move(pre->preTokenizer);
    out.ignoreMerges = pre->ignoreMerges;
    out.decoder = {{"type", "ByteLevel"}, {"add_prefix_space", true}, {"trim_offsets", true}, {"use_regex", true}};
    RETORT_CHECK(addByteMerges(v, tokens, out));
    return writeTokenizerJson(out);
  }
  if (v.model != "llama") return unsupportedPart("GGUF vocabulary type", v.model, where);
  out.normalizer = spmNormalizer(v.addSpacePrefix);
  out.decoder = spmDecoder(v.addSpacePrefix);
  out.byteFallback = out.fuseUnknown = true;
  out.unknown = std::string(tokens.at(v.unknown));
  RETORT_CHECK(addScoredMerges(v, tokens, out));
  return writeTokenizerJson(out);
}

Result<GgufVocabulary> ggufFromTokenizerJson(std::string_view json, std::string_view where) {
  RETORT_TRY(TokenizerFile file, readTokenizerFile(json, where));
  if (file.modelType != "BPE") return unsupportedPart("model (GGUF takes BPE)", file.modelType, where);
  GgufVocabulary out;
  out.tokens = file.tokens;
  const bool isSpm = isSentencePiece(file, out.addSpacePrefix);
  const std::string unknown = stringField(file.model(), "unk_token");
  for (std::size_t i = 0; i < out.tokens.size(); ++i) {
    std::string& token = out.tokens[i];
    int type = kGgufNormal;
    if (token.empty()) {
      token = "[PAD" + std::to_string(i) + "]";
      type = kGgufUnused;
    } else if (isSpm && isByteToken(token)) {
      type = kGgufByte;
    }
    if (!unknown.empty() && token == unknown) {
      out.unknown = static_cast<TokenId>(i);
      if (isSpm) type = kGgufUnknown;
    }
    out.types.push_back(type);
  }
  for (const AddedToken& token : file.added) {
    std::int32_t& type = out.types[static_cast<std::size_t>(token.id)];
    if (type != kGgufUnknown) type = token.special ? kGgufControl : kGgufUser;
  }
  if (isSpm) {
    out.model = "llama";
    out.pre = "default";
    addScores(file, out);
    return out;
  }
  if (!PreTokenizer::endsInByteLevel(file.part("pre_tokenizer"))) return unsupportedPart("pre-tokenizer (GGUF takes ByteLevel)", nameOf(file.part("pre_tokenizer")), where);
  RETORT_TRY(const GgufPreTokenizer pre, recognise(file, where));
  out.model = "gpt2";
  out.pre = pre.name;
  out.addSpacePrefix = false;
  for (const auto& [left, right] : file.merges) out.merges.push_back(left + " " + right);
  return out;
}

}  // namespace retort::text
