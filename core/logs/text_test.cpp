// Plain texts by their bytes, patterns by PCRE2.
#include "logs/text_test.h"

namespace retort::logs {

Result<TextTest> TextTest::create(FilterOp op, std::string_view value) {
  TextTest test;
  test.m_op = op;
  test.m_value = value;
  if (op == FilterOp::regex) {
    RETORT_TRY(auto pattern, Pattern::compile(value));
    test.m_pattern.emplace(std::move(pattern));
  } else if (op == FilterOp::match) {
    RETORT_TRY(auto words, WordQuery::parse(value));
    test.m_words.emplace(std::move(words));
  } else if (op == FilterOp::contains && !value.empty()) {
    test.m_text.emplace(std::string(value));
  }
  return test;
}

std::optional<std::pair<std::size_t, std::size_t>> TextTest::find(const DecodedText& decoded) const {
  if (decoded.text().empty()) return std::nullopt;
  if (m_pattern) return m_pattern->find(decoded.text(), true);
  if (m_words) return m_words->find(decoded.prompt(), decoded.answer());
  return findInLine(decoded.text());
}

std::optional<std::pair<std::size_t, std::size_t>> TextTest::findInLine(std::string_view line) const {
  if (m_pattern) return m_pattern->find(line);
  if (m_words) return m_words->find(line, {});
  if (!m_text) return std::pair(std::size_t(0), std::size_t(0));
  const auto at = m_text->find(line);
  if (at == std::string_view::npos) return std::nullopt;
  return std::pair(at, m_value.size());
}

LineFilter TextTest::lineFilter(bool isRaw) const {
  if (m_op == FilterOp::regex) return isRaw ? LineFilter::ofRawRegex(m_value) : LineFilter::ofRegex(m_value);
  if (m_op == FilterOp::contains) return isRaw ? LineFilter::ofRawText(m_value) : LineFilter::ofText(m_value);
  return {};
}

}  // namespace retort::logs
