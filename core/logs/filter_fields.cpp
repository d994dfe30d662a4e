// The built-in fields of filters, and compiled tests of one value.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/clock.h"
#include "logs/filter_test.h"

namespace retort::logs {

const std::vector<BuiltIn>& builtIns() {
  static const std::vector<BuiltIn> all = {
      {"@time", FieldType::time, "the time"},
      {"@model", FieldType::text, "the model"},
      {"@model.raw", FieldType::text, "the model id as logged"},
      {"@op", FieldType::text, "the operation"},
      {"@region", FieldType::text, "the region"},
      {"@status", FieldType::text, "the status"},
      {"@stop", FieldType::text, "the stop reason"},
      {"@error", FieldType::text, "the error code"},
      {"@source", FieldType::text, "the log format"},
      {"@flags", FieldType::flags, "the flags"},
      {"@input_tokens", FieldType::number, "the number of input tokens"},
      {"@output_tokens", FieldType::number, "the number of output tokens"},
      {"@cached_tokens", FieldType::number, "the number of cached tokens"},
      {"@latency", FieldType::number, "the latency in ms"},
      {"@turns", FieldType::number, "the number of user turns"},
      {"@text", FieldType::search, "the text"},
      {"@tags", FieldType::text, "the tag"},
      {"@rating", FieldType::number, "the rating"},
      {"@system", FieldType::text, "the system prompt"},
      {"@family", FieldType::text, "the prompt family"},
      {"@conversation", FieldType::id, "the conversation"},
      {"@step", FieldType::number, "the step of the conversation"},
      {"@caller", FieldType::text, "the caller"},
      {"@account", FieldType::text, "the account"},
      {"@tools", FieldType::text, "the tools"},
      {"@params", FieldType::text, "the parameters"},
      {"@language", FieldType::text, "the language"},
      {"@repeat", FieldType::text, "the repetition"},
      {"@cost", FieldType::number, "the cost in US dollars"},
  };
  return all;
}

const BuiltIn* findBuiltIn(std::string_view name) {
  for (const auto& field : builtIns())
    if (field.name == name) return &field;
  return nullptr;
}

bool isKnownOnlyInStore(std::string_view name) {
  for (const std::string_view late : {"@tags", "@rating", "@system", "@family", "@conversation", "@step", "@caller", "@account", "@tools", "@params", "@language", "@repeat", "@cost"})
    if (name == late) return true;
  return false;
}

std::optional<double> decimalOf(std::string_view text) {
  // from_chars also takes "inf" and "nan", which are no decimals.
  if (text.empty() || !(text[0] == '-' || text[0] == '.' || (text[0] >= '0' && text[0] <= '9'))) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

Pattern::Pattern(Pattern&& other) noexcept
    : m_code(std::exchange(other.m_code, nullptr)), m_data(std::exchange(other.m_data, nullptr)), m_context(std::exchange(other.m_context, nullptr)) {}
Pattern& Pattern::operator=(Pattern&& other) noexcept {
  std::swap(m_code, other.m_code);
  std::swap(m_data, other.m_data);
  std::swap(m_context, other.m_context);
  return *this;
}
Pattern::~Pattern() {
  pcre2_match_data_free(m_data);
  pcre2_match_context_free(m_context);
  pcre2_code_free(m_code);
}

Result<Pattern> Pattern::compile(std::string_view expression) {
  int code = 0;
  PCRE2_SIZE at = 0;
  Pattern out;
  if (expression.size() > 16 * 1024)
    return Error{"filter.regex", "The regular expression is too long", {}, "it has more than 16,384 bytes", "Shorten it.", {}, {}};
  out.m_code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, nullptr);
  if (!out.m_code) {
    PCRE2_UCHAR message[256] = {};
    pcre2_get_error_message(code, message, sizeof message);
    return Error{"filter.regex", "The regular expression \"" + shown(expression) + "\" is wrong", "character " + std::to_string(at + 1),
                 reinterpret_cast<const char*>(message), "Mend it, or search for plain text with contains.", {}, {}};
  }
  pcre2_jit_compile(out.m_code, PCRE2_JIT_COMPLETE);
  out.m_data = pcre2_match_data_create_from_pattern(out.m_code, nullptr);
  out.m_context = pcre2_match_context_create(nullptr);
  pcre2_set_match_limit(out.m_context, 1'000'000);
  pcre2_set_depth_limit(out.m_context, 100'000);
  pcre2_set_heap_limit(out.m_context, 64 * 1024);
  return out;
}

bool Pattern::isFoundIn(std::string_view text, bool isUtf8) const {
  return pcre2_match(m_code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, isUtf8 ? PCRE2_NO_UTF_CHECK : 0, m_data, m_context) > 0;
}

std::optional<std::pair<std::size_t, std::size_t>> Pattern::find(std::string_view text, bool isUtf8) const {
  if (!isFoundIn(text, isUtf8)) return std::nullopt;
  const PCRE2_SIZE* place = pcre2_get_ovector_pointer(m_data);
  if (place[1] < place[0]) return std::pair(place[1], std::size_t(0));   // \K behind a look-ahead
  return std::pair(place[0], place[1] - place[0]);
}

Result<ValueTest> ValueTest::create(const FilterNode& test) {
  ValueTest out;
  out.m_op = test.op == FilterOp::notEqual ? FilterOp::equal : test.op;
  for (const auto& value : test.values) {
    out.m_texts.push_back(value.text);
    out.m_numbers.push_back(decimalOf(value.text).value_or(std::nan("")));
    out.m_times.push_back(parseIsoTime(value.text).value_or(INT64_MIN));
  }
  if (test.op == FilterOp::regex) {
    RETORT_TRY(auto pattern, Pattern::compile(test.values.at(0).text));
    out.m_pattern.emplace(std::move(pattern));
  }
  return out;
}

template <typename T>
bool ValueTest::compare(const T& value, const std::vector<T>& with) const {
  switch (m_op) {
    case FilterOp::equal:
    case FilterOp::notEqual:
    case FilterOp::in: return std::find(with.begin(), with.end(), value) != with.end();
    case FilterOp::less: return value < with[0];
    case FilterOp::lessEqual: return value <= with[0];
    case FilterOp::greater: return value > with[0];
    case FilterOp::greaterEqual: return value >= with[0];
    case FilterOp::between: return value >= with[0] && value <= with[1];
    case FilterOp::exists: return true;
    default: return false;
  }
}

bool ValueTest::ofNumber(double value) const { return compare(value, m_numbers); }
bool ValueTest::ofTime(std::int64_t micros) const { return compare(micros, m_times); }

bool ValueTest::ofText(std::string_view value) const {
  switch (m_op) {
    case FilterOp::equal:
    case FilterOp::notEqual:
    case FilterOp::in: return std::find(m_texts.begin(), m_texts.end(), value) != m_texts.end();
    case FilterOp::contains: return value.find(m_texts[0]) != std::string_view::npos;
    case FilterOp::prefix: return value.starts_with(m_texts[0]);
    case FilterOp::regex: return m_pattern->isFoundIn(value);
    case FilterOp::exists: return true;
    default: {
      const auto number = decimalOf(value);
      return number && ofNumber(*number);
    }
  }
}

}  // namespace retort::logs
