// Corpus chrF.
#include "metrics/chrf.h"

#include <utf8proc.h>

#include <algorithm>
#include <map>

#include "base/format.h"

namespace retort::metrics {
namespace {

/// Code points without white space; bytes that are no UTF-8 count as themselves.
std::u32string letters(const std::string& text) {
  std::u32string out;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at, static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    if (n <= 0) c = 0xDC00 + static_cast<unsigned char>(text[at]);
    at += n > 0 ? static_cast<std::size_t>(n) : 1;
    const auto category = utf8proc_category(c);
    const bool blank = (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F) || c == 0x85 || category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
    if (!blank) out += static_cast<char32_t>(c);
  }
  return out;
}

struct OrderCounts {
  double answer = 0, reference = 0, match = 0;
};
using Counts = std::vector<OrderCounts>;
using Grams = std::map<std::u32string, long>;

Grams gramsOf(const std::u32string& text, std::size_t n) {
  Grams out;
  for (std::size_t i = 0; i + n <= text.size(); ++i) ++out[text.substr(i, n)];
  return out;
}

Counts countsOf(const std::string& answer, const std::string& reference, int order) {
  const auto a = letters(answer), r = letters(reference);
  Counts out(static_cast<std::size_t>(order));
  for (std::size_t n = 1; n <= out.size(); ++n) {
    const Grams mine = gramsOf(a, n), theirs = gramsOf(r, n);
    for (const auto& [gram, count] : mine) {
      out[n - 1].answer += static_cast<double>(count);
      if (const auto it = theirs.find(gram); it != theirs.end()) out[n - 1].match += static_cast<double>(std::min(count, it->second));
    }
    for (const auto& [gram, count] : theirs) out[n - 1].reference += static_cast<double>(count);
  }
  return out;
}

double scoreOf(const Counts& counts, const ChrfOptions& options) {
  constexpr double kEps = 1e-16;
  const double factor = options.beta * options.beta;
  double sum = 0, precision = 0, recall = 0, orders = 0;
  for (const auto& c : counts) {
    const double p = c.answer > 0 ? c.match / c.answer : kEps, r = c.reference > 0 ? c.match / c.reference : kEps, denominator = factor * p + r;
    sum += denominator > 0 ? (1 + factor) * p * r / denominator : kEps;
    if (c.answer > 0 && c.reference > 0) precision += p, recall += r, orders += 1;
  }
  if (options.epsSmoothing) return 100 * sum / static_cast<double>(counts.size());
  if (orders == 0 || precision + recall == 0) return 0;
  precision /= orders, recall /= orders;
  return 100 * (1 + factor) * precision * recall / (factor * precision + recall);
}

}  // namespace

Chrf chrf(const std::vector<std::string>& answers, const std::vector<std::vector<std::string>>& references, const ChrfOptions& options) {
  Counts total(static_cast<std::size_t>(options.order));
  std::size_t number = references.empty() ? 0 : references[0].size();
  for (std::size_t i = 0; i < answers.size() && i < references.size(); ++i) {
    if (references[i].size() != number) number = 0;
    Counts best;
    double top = -1;
    for (const auto& reference : references[i]) {
      Counts counts = countsOf(answers[i], reference, options.order);
      if (const double score = scoreOf(counts, options); score > top) top = score, best = std::move(counts);
    }
    for (std::size_t n = 0; n < best.size(); ++n) total[n].answer += best[n].answer, total[n].reference += best[n].reference, total[n].match += best[n].match;
  }
  Chrf out;
  out.score = answers.empty() ? 0 : scoreOf(total, options);
  out.signature = "chrF" + formatNumber(options.beta, 2) + "|nrefs:" + (number == 0 ? std::string("var") : std::to_string(number)) + "|case:mixed|eff:" + (options.epsSmoothing ? "no" : "yes") + "|nc:" + std::to_string(options.order) +
                  "|nw:0|space:no|retort:1";
  return out;
}

}  // namespace retort::metrics
