// The steps of a decoder and their reader.
#include "text/token_decoder.h"

#include "base/format.h"
#include "text/byte_alphabet.h"
#include "text/json_fields.h"
#include "text/tokenizer_error.h"

namespace retort::text {
namespace {

void replaceAll(std::string& text, std::string_view find, std::string_view content) {
  if (find.empty()) return;
  std::string out;
  std::size_t done = 0;
  for (std::size_t at = text.find(find); at != text.npos; at = text.find(find, done)) {
    out.append(text, done, at - done);
    out += content;
    done = at + find.size();
  }
  if (done == 0) return;
  out.append(text, done, text.npos);
  text = std::move(out);
}

void replacePattern(std::string& text, const Regex& regex, std::string_view content) {
  if (!isValidUtf8(text)) return;
  std::string out;
  std::size_t done = 0;
  while (done < text.size()) {
    const auto match = regex.find(text, done);
    if (!match.ok() || !match->found || match->begin == match->end) break;
    out.append(text, done, match->begin - done);
    out += content;
    done = match->end;
  }
  out.append(text, done, text.npos);
  text = std::move(out);
}

/// "<0x0A>" -> 10; -1 for other tokens.
int fallbackByte(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return -1;
  int value = 0;
  for (const char c : token.substr(3, 2)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/// The clean-up of English spacing that WordPiece decoders do to each token.
void cleanUp(std::string& token) {
  static constexpr std::pair<std::string_view, std::string_view> kRules[] = {
      {" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [find, content] : kRules) replaceAll(token, find, content);
}

void strip(std::string& text, std::string_view letter, std::size_t start, std::size_t stop) {
  std::size_t begin = 0, end = text.size();
  for (std::size_t i = 0; i < start && std::string_view(text).substr(begin).starts_with(letter); ++i) begin += letter.size();
  for (std::size_t i = 0; i < stop && end > begin && std::string_view(text).substr(begin, end - begin).ends_with(letter); ++i) end -= letter.size();
  text = text.substr(begin, end - begin);
}

}  // namespace

void TokenDecoder::apply(const Step& step, std::string& token, bool first) {
  switch (step.kind) {
    case Kind::Bytes:
      if (auto bytes = bytesOfLetters(token)) token = std::move(*bytes);
      break;
    case Kind::Metaspace: replaceAll(token, step.find, first && step.flag ? "" : " "); break;
    case Kind::Fallback:
      if (const int byte = fallbackByte(token); byte >= 0) token.assign(1, static_cast<char>(byte));
      break;
    case Kind::Strip: strip(token, step.find, step.start, step.stop); break;
    case Kind::Literal: replaceAll(token, step.find, step.content); break;
    case Kind::Pattern: replacePattern(token, *step.regex, step.content); break;
    case Kind::WordPiece:
      if (!first) {
        if (token.starts_with(step.find)) token.erase(0, step.find.size());
        else token.insert(0, 1, ' ');
      }
      if (step.flag) cleanUp(token);
      break;
  }
}

std::string TokenDecoder::part(std::string_view token, bool first) const {
  std::string out(token);
  for (const Step& step : m_each) apply(step, out, first);
  return m_each.empty() && !m_joiner.empty() && !first ? m_joiner + out : out;
}

void TokenDecoder::finish(std::string& text) const {
  for (const Step& step : m_whole) apply(step, text, true);
}

class TokenDecoderReader {
 public:
  explicit TokenDecoderReader(std::string_view where) : m_where(where) {}

  Status read(const Json& json) {
    if (++m_parts > kMaxSteps * 2) return badTokenizer("its decoder has more than 64 parts", m_where);
    using Kind = TokenDecoder::Kind;
    const std::string type = typeOf(json);
    if (type == "Sequence") {
      const Json* list = fieldOf(json, "decoders");
      if (!list || !list->is_array()) return badTokenizer("the decoder Sequence has no list \"decoders\"", m_where);
      for (const Json& part : *list) RETORT_CHECK(read(part));
      return {};
    }
    if (type == "Fuse") return m_fused = true, Status();
    if (type == "ByteLevel") return add({.kind = Kind::Bytes}, type);
    if (type == "ByteFallback") return add({.kind = Kind::Fallback}, type);
    if (type == "Metaspace") {
      const std::string scheme = stringField(json, "prepend_scheme", boolField(json, "add_prefix_space", true) ? "always" : "never");
      m_out.m_firstDiffers = m_out.m_firstDiffers || scheme != "never";
      return add({.kind = Kind::Metaspace, .find = stringField(json, "replacement", "\xE2\x96\x81"), .flag = scheme != "never"}, type);
    }
    if (type == "WordPiece") {
      m_out.m_firstDiffers = true;
      m_out.m_joiner = " ";
      return add({.kind = Kind::WordPiece, .find = stringField(json, "prefix", "##"), .flag = boolField(json, "cleanup", true)}, type);
    }
    if (type == "Strip") {
      const auto count = [&](std::string_view key) -> std::size_t {
        const Json* value = fieldOf(json, key);
        return value && value->is_number_integer() && value->get<std::int64_t>() > 0 ? value->get<std::size_t>() : 0;
      };
      const std::string letter = stringField(json, "content", " ");
      if (letter.empty()) return badTokenizer("the decoder Strip has no content", m_where);
      return add({.kind = Kind::Strip, .find = letter, .start = count("start"), .stop = count("stop")}, type);
    }
    if (type == "Replace") return readReplace(json);
    return unsupportedPart("decoder", type, m_where);
  }

  TokenDecoder m_out;

 private:
  Status add(TokenDecoder::Step step, const std::string& type) {
    using Kind = TokenDecoder::Kind;
    if (!m_fused) return m_out.m_each.push_back(std::move(step)), Status();
    if (step.kind != Kind::Strip && step.kind != Kind::Literal && step.kind != Kind::Pattern) return unsupportedPart("decoder", type + " behind Fuse", m_where);
    m_out.m_whole.push_back(std::move(step));
    return {};
  }
  Status readReplace(const Json& json) {
    using Kind = TokenDecoder::Kind;
    const Json* pattern = fieldOf(json, "pattern");
    const std::string literal = pattern ? stringField(*pattern, "String") : "", regex = pattern ? stringField(*pattern, "Regex") : "";
    TokenDecoder::Step step{.kind = Kind::Literal, .find = literal, .content = stringField(json, "content")};
    if (literal.empty()) {
      if (regex.empty()) return badTokenizer("the decoder Replace has no pattern", m_where);
      step.kind = Kind::Pattern;
      RETORT_TRY(step.regex, Regex::compile(regex, m_where));
    }
    return add(std::move(step), "Replace");
  }

  bool m_fused = false;
  std::size_t m_parts = 0;
  std::string m_where;
};

Result<TokenDecoder> TokenDecoder::fromJson(const Json& json, std::string_view where) {
  TokenDecoderReader reader(where);
  if (json.is_null()) reader.m_out.m_joiner = " ", reader.m_out.m_firstDiffers = true;
  else RETORT_CHECK(reader.read(json));
  return std::move(reader.m_out);
}

}  // namespace retort::text
