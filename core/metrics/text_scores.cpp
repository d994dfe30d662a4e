// Normalisations of SQuAD's evaluation scripts and of exact match.
#include "metrics/text_scores.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/format.h"

namespace retort::metrics {
namespace {

constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

bool isPunctuation(char c) { return kPunctuation.find(c) != std::string_view::npos; }

std::string lower(std::string_view text) {
  if (!isValidUtf8(text)) return lowerAscii(text);
  std::string out;
  std::string codePoint(4, '\0');
  for (std::size_t pos = 0; pos < text.size();) {
    utf8proc_int32_t c = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + pos, static_cast<utf8proc_ssize_t>(text.size() - pos), &c);
    if (length <= 0) break;
    const auto written = utf8proc_encode_char(utf8proc_tolower(c), reinterpret_cast<utf8proc_uint8_t*>(codePoint.data()));
    out.append(codePoint, 0, static_cast<std::size_t>(written));
    pos += static_cast<std::size_t>(length);
  }
  return out;
}

// Words between blanks (ASCII and the no-break space, as Python's split has the common ones).
std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool noBreak = i + 1 < text.size() && text[i] == '\xC2' && text[i + 1] == '\xA0';
    const bool blank = i == text.size() || noBreak || (text[i] >= 9 && text[i] <= 13) || text[i] == ' ';
    if (!blank) {
      word += text[i];
      continue;
    }
    if (!word.empty()) out.push_back(std::exchange(word, {}));
    if (noBreak) ++i;
  }
  return out;
}

std::string exactForm(std::string_view text, const ExactOptions& options) {
  std::string out = nfc(text);
  if (options.stripFinalNewline) {
    while (!out.empty() && (out.back() == '\n' || out.back() == '\r')) out.pop_back();
  }
  if (options.ignoreCase) out = lower(out);
  std::erase_if(out, [&](char c) { return (options.ignorePunctuation && isPunctuation(c)) || (options.ignoreNumbers && c >= '0' && c <= '9'); });
  return out;
}

}  // namespace

std::string nfc(std::string_view text) {
  utf8proc_uint8_t* composed = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()), static_cast<utf8proc_ssize_t>(text.size()), &composed,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  std::string out = length < 0 ? std::string(text) : std::string(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(length));
  std::free(composed);
  return out;
}

bool exactMatch(std::string_view answer, std::string_view reference, const ExactOptions& options) {
  return exactForm(answer, options) == exactForm(reference, options);
}

std::string squadNormalise(std::string_view text) {
  std::string bare = lower(text);
  std::erase_if(bare, isPunctuation);
  std::vector<std::string> kept = words(bare);
  std::erase_if(kept, [](const std::string& w) { return w == "a" || w == "an" || w == "the"; });
  return join(kept, " ");
}

bool squadExact(std::string_view answer, std::string_view reference) { return squadNormalise(answer) == squadNormalise(reference); }

double squadF1(std::string_view answer, std::string_view reference, SquadVariant variant) {
  const std::vector<std::string> a = words(squadNormalise(answer)), r = words(squadNormalise(reference));
  if (a.empty() || r.empty()) return variant == SquadVariant::v2 && a.empty() && r.empty() ? 1 : 0;
  std::map<std::string_view, std::pair<int, int>> counts;
  for (const auto& w : a) ++counts[w].first;
  for (const auto& w : r) ++counts[w].second;
  double same = 0;
  for (const auto& [w, count] : counts) same += std::min(count.first, count.second);
  if (same == 0) return 0;
  const double precision = same / static_cast<double>(a.size()), recall = same / static_cast<double>(r.size());
  return 2 * precision * recall / (precision + recall);
}

double squadF1(std::string_view answer, const std::vector<std::string>& references, SquadVariant variant) {
  double best = 0;
  for (const auto& reference : references) best = std::max(best, squadF1(answer, reference, variant));
  return best;
}

}  // namespace retort::metrics
