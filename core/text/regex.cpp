// PCRE2 behind Regex: compiled once, matched from any thread with the thread's own stack and match data.
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include <pcre2.h>

#include <cstdio>

#include "base/error.h"
#include "text/unicode_newer.h"

namespace retort::text {
namespace {

constexpr std::size_t kMaxPattern = 64u << 10;
constexpr std::uint32_t kMatchLimit = 50'000'000, kDepthLimit = 100'000, kHeapLimitKib = 64u << 10;
constexpr std::string_view kSpaces = R"(\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

/// What one thread needs to match.
struct MatchState {
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32u << 10, 1u << 20, nullptr);
  MatchState() {
    pcre2_set_match_limit(context, kMatchLimit);
    pcre2_set_depth_limit(context, kDepthLimit);
    pcre2_set_heap_limit(context, kHeapLimitKib);
    pcre2_jit_stack_assign(context, nullptr, stack);
  }
  MatchState(const MatchState&) = delete;
  MatchState& operator=(const MatchState&) = delete;
  ~MatchState() {
    pcre2_match_context_free(context);
    pcre2_match_data_free(data);
    pcre2_jit_stack_free(stack);
  }
};

std::string messageOf(int code) {
  PCRE2_UCHAR8 buffer[256] = {};
  pcre2_get_error_message(code, buffer, sizeof buffer);
  return reinterpret_cast<const char*>(buffer);
}

}  // namespace

namespace {

template <std::size_t N>
std::string spelt(const CodeRange (&ranges)[N]) {
  std::string out;
  char text[32];
  for (const CodeRange& range : ranges) {
    std::snprintf(text, sizeof text, "\\x{%x}-\\x{%x}", static_cast<unsigned>(range.first), static_cast<unsigned>(range.last));
    out += text;
  }
  return out;
}

/// The members of a class escape that starts behind the backslash at `rest`, as Oniguruma has them, to stand between brackets;
/// `taken` gets the escape's length. Empty: the escape means the same in PCRE2.
std::string membersOf(std::string_view rest, std::size_t& taken) {
  static const std::string letters = "\\p{L}" + spelt(kNewerLetters), numbers = "\\p{N}" + spelt(kNewerNumbers), marks = "\\p{M}" + spelt(kNewerMarks);
  static const std::string word = letters + marks + "\\p{Nd}\\p{Nl}" + spelt(kNewerNumbers) + "\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}";
  taken = 1;
  if (rest[0] == 's' || rest[0] == 'S') return std::string(kSpaces);
  if (rest[0] == 'w' || rest[0] == 'W') return word;
  if (rest[0] != 'p' && rest[0] != 'P') return {};
  taken = 4;
  const std::string_view tail = rest.substr(1, 3);
  if (tail == "{L}") return letters;
  if (tail == "{N}") return numbers;
  if (tail == "{M}") return marks;
  return {};
}

}  // namespace

std::string spellOutClasses(std::string_view pattern) {
  std::string out;
  bool inClass = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const bool negated = pattern[i + 1] >= 'A' && pattern[i + 1] <= 'Z';
      std::size_t taken = 0;
      const std::string members = membersOf(pattern.substr(i + 1), taken);
      if (members.empty() || (inClass && negated)) {
        (out += '\\') += pattern[++i];
        continue;
      }
      out += inClass ? members : (negated ? "[^" : "[") + members + "]";
      i += taken;
      continue;
    }
    if (c == '[' && !inClass) {
      inClass = true;
      out += c;
      if (i + 1 < pattern.size() && pattern[i + 1] == '^') out += pattern[++i];
      if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += pattern[++i];
      continue;
    }
    if (c == ']' && inClass) inClass = false;
    out += c;
  }
  return out;
}

Result<std::shared_ptr<const Regex>> Regex::compile(std::string_view pattern, std::string_view where) {
  const auto refuse = [&](std::string why) {
    return Error{.code = "text.tokenizer.regex", .what = "The regular expression " + shown(pattern) + " cannot be used", .where = std::string(where),
                 .why = std::move(why), .next = "Use a model whose tokenizer has a plain regular expression."};
  };
  if (pattern.size() > kMaxPattern) return refuse("it is longer than 64 KiB");
  std::shared_ptr<Regex> regex(new Regex);
  regex->m_pattern = pattern;
  regex->m_where = where;
  const std::string source = spellOutClasses(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(), options, &error, &offset, nullptr);
  if (!code) return refuse(messageOf(error) + " at byte " + std::to_string(offset));
  regex->m_code = code;
  regex->m_jit = pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;
  return std::shared_ptr<const Regex>(std::move(regex));
}

Regex::~Regex() { pcre2_code_free(static_cast<pcre2_code*>(m_code)); }

Result<Regex::Match> Regex::find(std::string_view text, std::size_t from) const {
  thread_local MatchState state;
  const auto* code = static_cast<const pcre2_code*>(m_code);
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : "");
  const int rc = m_jit ? pcre2_jit_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state.data, state.context)
                       : pcre2_match(code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state.data, state.context);
  if (rc == PCRE2_ERROR_NOMATCH) return Match{};
  if (rc < 0)
    return Error{.code = "text.tokenizer.limit", .what = "The text cannot be split into tokens", .where = m_where,
                 .why = "the regular expression " + shown(m_pattern) + " hit its limits (" + messageOf(rc) + ")",
                 .next = "Shorten the text, or use a model whose tokenizer has a simpler regular expression."};
  const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(state.data);
  if (bounds[0] > bounds[1]) return Match{};   // \K may set a start behind the end
  return Match{true, bounds[0], bounds[1]};
}

}  // namespace retort::text
