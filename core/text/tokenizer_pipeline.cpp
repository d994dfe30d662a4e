// Encoding in four stages over sections of the text, and decoding from a table of the bytes of every token.
#include "text/tokenizer_pipeline.h"

#include <algorithm>

#include "base/format.h"
#include "text/tokenizer_error.h"

namespace retort::text {
namespace {

struct Range {
  std::size_t begin = 0, end = 0;
};

/// Source ranges in which special tokens may be recognised: sorted, not overlapping.
class TemplateRanges {
 public:
  explicit TemplateRanges(std::vector<Range> ranges) : m_ranges(std::move(ranges)) {}
  [[nodiscard]] bool empty() const { return m_ranges.empty(); }
  /// True when [begin, end) lies wholly inside one of them.
  [[nodiscard]] bool hold(std::size_t begin, std::size_t end) const {
    const auto it = std::upper_bound(m_ranges.begin(), m_ranges.end(), begin, [](std::size_t b, const Range& r) { return b < r.begin; });
    return it != m_ranges.begin() && end <= std::prev(it)->end;
  }

 private:
  std::vector<Range> m_ranges;
};

/// Collects the ids of words and, where asked, the places in the source where they end.
class IdSink final : public WordSink {
 public:
  IdSink(const TokenizerModel& model, std::vector<TokenId>& ids, std::vector<std::size_t>* ends) : m_model(model), m_ids(ids), m_ends(ends) {}
  Status word(const AlignedText& word) override {
    if (!m_ends) {
      m_model.encode(word.text, m_ids, nullptr);
      return {};
    }
    m_wordEnds.clear();
    m_model.encode(word.text, m_ids, &m_wordEnds);
    for (const std::size_t end : m_wordEnds) m_ends->push_back(word.sourceAt(end));
    return {};
  }

 private:
  const TokenizerModel& m_model;
  std::vector<TokenId>& m_ids;
  std::vector<std::size_t>* m_ends;
  std::vector<std::size_t> m_wordEnds;
};

class PipelineTokenizer final : public Tokenizer {
 public:
  PipelineTokenizer(TokenizerParts parts, std::vector<AddedToken> plain, std::vector<AddedToken> normalized)
      : m_parts(std::move(parts)), m_plain(std::move(plain)), m_normalized(std::move(normalized)) {
    fillBytes();
  }

  Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options) const override {
    return encodeText(text, TemplateRanges(options.special ? std::vector<Range>{{0, text.size()}} : std::vector<Range>{}), nullptr);
  }

  Result<std::vector<TokenId>> encodePieces(std::span<const Piece> pieces, std::vector<std::size_t>* ends) const override {
    std::string text;
    std::vector<Range> ranges;
    std::size_t size = 0;
    for (const Piece& piece : pieces) size += std::min(piece.text.size(), kMaxEncodeBytes + 1);   // the sum cannot wrap
    if (size > kMaxEncodeBytes) return tooLong();
    text.reserve(size);
    for (const Piece& piece : pieces) {
      if (piece.fromTemplate && !piece.text.empty()) ranges.push_back({text.size(), text.size() + piece.text.size()});
      text += piece.text;
    }
    return encodeText(text, TemplateRanges(std::move(ranges)), ends);
  }

  std::string decode(std::span<const TokenId> ids, bool special) const override;
  std::string tokenBytes(TokenId id) const override { return std::string(bytesOf(id)); }
  std::string_view tokenText(TokenId id) const override { return m_parts.tokens->at(id); }
  std::size_t size() const override { return m_parts.tokens->size(); }
  bool isSpecial(TokenId id) const override { return isKnown(id) && m_special[static_cast<std::size_t>(id)]; }
  TokenId idOf(std::string_view text) const override { return m_parts.tokens->find(text); }

 private:
  [[nodiscard]] bool isKnown(TokenId id) const { return id >= 0 && static_cast<std::size_t>(id) < size(); }
  [[nodiscard]] std::string_view bytesOf(TokenId id) const {
    if (!isKnown(id)) return {};
    const auto i = static_cast<std::size_t>(id);
    return std::string_view(m_bytes).substr(m_begin[i], m_begin[i + 1] - m_begin[i]);
  }
  [[nodiscard]] Error tooLong() const {
    return {.code = "text.tokenizer.limit", .what = "The text cannot be tokenised", .where = m_parts.where, .why = "it is longer than 256 MiB",
            .next = "Cut it into smaller texts."};
  }
  void fillBytes();
  Result<std::vector<TokenId>> encodeText(std::string_view text, const TemplateRanges& ranges, std::vector<std::size_t>* ends) const;
  Status encodeSection(const AlignedText& section, const TemplateRanges& ranges, bool track, std::vector<TokenId>& ids,
                       std::vector<std::size_t>* ends) const;

  TokenizerParts m_parts;
  AddedTokenFinder m_plain, m_normalized;   ///< looked for in the text, and in the normalised text
  std::vector<bool> m_special, m_added;
  std::string m_bytes;                      ///< of all tokens, cut at m_begin
  std::vector<std::size_t> m_begin;
};

void PipelineTokenizer::fillBytes() {
  m_special.assign(size(), false);
  m_added.assign(size(), false);
  for (const AddedToken& token : m_parts.added) {
    m_added[static_cast<std::size_t>(token.id)] = true;
    if (token.special) m_special[static_cast<std::size_t>(token.id)] = true;
  }
  m_begin.reserve(size() + 1);
  for (std::size_t i = 0; i < size(); ++i) {
    m_begin.push_back(m_bytes.size());
    const std::string_view token = m_parts.tokens->at(static_cast<TokenId>(i));
    if (m_added[i] && (m_special[i] || m_parts.decoder.keepsAdded())) m_bytes += token;
    else m_bytes += m_parts.decoder.part(token, false);
  }
  m_begin.push_back(m_bytes.size());
}

Result<std::vector<TokenId>> PipelineTokenizer::encodeText(std::string_view text, const TemplateRanges& ranges, std::vector<std::size_t>* ends) const {
  if (text.size() > kMaxEncodeBytes) return tooLong();
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3 + 8);
  if (ends) ends->clear();
  // Places in the source are kept where the caller asks, and where a special token may turn up in the normalised text.
  const bool track = ends || (!m_normalized.empty() && !ranges.empty());
  const AlignedText all{text};
  if (m_plain.empty() || (ranges.empty() && m_plain.onlySpecial())) {
    RETORT_CHECK(encodeSection(all, ranges, track, ids, ends));
    return ids;
  }
  for (const Section& section : m_plain.cut(text, [&](std::size_t begin, std::size_t end) { return ranges.hold(begin, end); })) {
    if (section.token < 0) {
      RETORT_CHECK(encodeSection(all.sub(section.begin, section.end), ranges, track, ids, ends));
      continue;
    }
    ids.push_back(section.token);
    if (ends) ends->push_back(section.end);
  }
  return ids;
}

Status PipelineTokenizer::encodeSection(const AlignedText& section, const TemplateRanges& ranges, bool track, std::vector<TokenId>& ids,
                                        std::vector<std::size_t>* ends) const {
  IdSink sink(*m_parts.model, ids, ends);
  std::optional<OwnedText> owned;
  AlignedText text = section;
  if (!m_parts.normalizer.empty() && !m_parts.normalizer.leavesAlone(section.text)) {
    RETORT_TRY(owned, m_parts.normalizer.run(section, track));
    text = owned->view();
  }
  if (m_normalized.empty() || (ranges.empty() && m_normalized.onlySpecial())) return m_parts.preTokenizer.run(text, track, sink);
  const auto allowed = [&](std::size_t begin, std::size_t end) { return !ranges.empty() && ranges.hold(text.sourceAt(begin), text.sourceAt(end)); };
  for (const Section& part : m_normalized.cut(text.text, allowed)) {
    if (part.token < 0) {
      RETORT_CHECK(m_parts.preTokenizer.run(text.sub(part.begin, part.end), track, sink));
      continue;
    }
    ids.push_back(part.token);
    if (ends) ends->push_back(text.sourceAt(part.end));
  }
  return {};
}

std::string PipelineTokenizer::decode(std::span<const TokenId> ids, bool special) const {
  const TokenDecoder& decoder = m_parts.decoder;
  std::string out;
  bool first = true;
  for (const TokenId id : ids) {
    if (!isKnown(id) || (!special && isSpecial(id))) continue;
    if (isSpecial(id)) {
      if (!first) out += decoder.joiner();
      out += bytesOf(id);
    } else if (first && decoder.firstDiffers()) {
      out += decoder.part(m_parts.tokens->at(id), true);
    } else {
      out += bytesOf(id);
    }
    first = false;
  }
  decoder.finish(out);
  return out;
}

}  // namespace

Result<std::shared_ptr<const Tokenizer>> makeTokenizer(TokenizerParts parts) {
  std::vector<AddedToken> plain, normalized;
  for (AddedToken token : parts.added) {
    if (!token.normalized || parts.normalizer.empty()) {
      plain.push_back(std::move(token));
      continue;
    }
    RETORT_TRY(OwnedText text, parts.normalizer.run(AlignedText{token.content}, false));
    token.content = std::move(text.text);
    normalized.push_back(std::move(token));
  }
  return std::shared_ptr<const Tokenizer>(std::make_shared<PipelineTokenizer>(std::move(parts), std::move(plain), std::move(normalized)));
}

}  // namespace retort::text
