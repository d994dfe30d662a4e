// Corpus BLEU.
#include "metrics/bleu.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "base/format.h"

namespace retort::metrics {
namespace {

constexpr std::size_t kOrder = 4;
using Grams = std::map<std::vector<std::string>, long>;

std::vector<std::string> splitBlanks(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (const char c : text) {
    const bool blank = c == ' ' || (c >= 9 && c <= 13);
    if (!blank) word += c;
    else if (!word.empty()) out.push_back(std::exchange(word, {}));
  }
  if (!word.empty()) out.push_back(word);
  return out;
}

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
}

bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// Of mteval-v13a: ASCII symbols and punctuation stand alone; dot and comma only where no digit is beside them; a dash after a digit.
std::string spaced13a(std::string_view source) {
  std::string text(source);
  replaceAll(text, "<skipped>", "");
  replaceAll(text, "-\n", "");
  replaceAll(text, "\n", " ");
  if (text.find('&') != std::string::npos)
    for (const auto& [entity, letter] : {std::pair{"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}}) replaceAll(text, entity, letter);
  std::string out = " ";
  for (const char c : text + " ") {
    const bool alone = (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c > ' ' && c <= '&') || (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
    if (alone) out += ' ', out += c, out += ' ';
    else out += c;
  }
  // The three passes of the script, each over the result of the one before; a match takes both characters.
  const auto pass = [&](auto matches, auto write) {
    std::string next;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i + 1 < out.size() && matches(out[i], out[i + 1])) write(next, out[i], out[i + 1]), ++i;
      else next += out[i];
    }
    out = std::move(next);
  };
  pass([](char a, char b) { return !isDigit(a) && (b == '.' || b == ','); }, [](std::string& to, char a, char b) { to += a, to += ' ', to += b, to += ' '; });
  pass([](char a, char b) { return (a == '.' || a == ',') && !isDigit(b); }, [](std::string& to, char a, char b) { to += ' ', to += a, to += ' ', to += b; });
  pass([](char a, char b) { return isDigit(a) && b == '-'; }, [](std::string& to, char a, char b) { to += a, to += ' ', to += b, to += ' '; });
  return out;
}

enum class Class { number, punctuation, symbol, other };

Class classOf(utf8proc_int32_t c) {
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ND: case UTF8PROC_CATEGORY_NL: case UTF8PROC_CATEGORY_NO: return Class::number;
    case UTF8PROC_CATEGORY_PC: case UTF8PROC_CATEGORY_PD: case UTF8PROC_CATEGORY_PS: case UTF8PROC_CATEGORY_PE:
    case UTF8PROC_CATEGORY_PI: case UTF8PROC_CATEGORY_PF: case UTF8PROC_CATEGORY_PO: return Class::punctuation;
    case UTF8PROC_CATEGORY_SM: case UTF8PROC_CATEGORY_SC: case UTF8PROC_CATEGORY_SK: case UTF8PROC_CATEGORY_SO: return Class::symbol;
    default: return Class::other;
  }
}

struct Letter {
  std::string bytes;
  Class kind;
};

std::vector<Letter> letters(std::string_view text) {
  std::vector<Letter> out;
  for (std::size_t at = 0; at < text.size();) {
    utf8proc_int32_t c = 0;
    const auto n = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at, static_cast<utf8proc_ssize_t>(text.size() - at), &c);
    const std::size_t length = n > 0 ? static_cast<std::size_t>(n) : 1;
    out.push_back({std::string(text.substr(at, length)), n > 0 ? classOf(c) : Class::other});
    at += length;
  }
  return out;
}

/// Of mteval-v14 (international): punctuation stands apart from what is no number, symbols always.
std::string spacedIntl(std::string_view text) {
  const auto pass = [](const std::vector<Letter>& from, bool before) {
    std::string to;
    for (std::size_t i = 0; i < from.size(); ++i) {
      const bool pair = i + 1 < from.size() && (before ? from[i].kind != Class::number && from[i + 1].kind == Class::punctuation : from[i].kind == Class::punctuation && from[i + 1].kind != Class::number);
      if (!pair) {
        to += from[i].bytes;
        continue;
      }
      to += before ? from[i].bytes + " " + from[i + 1].bytes + " " : " " + from[i].bytes + " " + from[i + 1].bytes;
      ++i;
    }
    return to;
  };
  const std::string spaced = pass(letters(pass(letters(text), true)), false);
  std::string out;
  for (const auto& letter : letters(spaced)) out += letter.kind == Class::symbol ? " " + letter.bytes + " " : letter.bytes;
  return out;
}

std::array<Grams, kOrder> gramsOf(const std::vector<std::string>& tokens) {
  std::array<Grams, kOrder> out;
  for (std::size_t n = 1; n <= kOrder; ++n)
    for (std::size_t i = 0; i + n <= tokens.size(); ++i) ++out[n - 1][{tokens.begin() + static_cast<std::ptrdiff_t>(i), tokens.begin() + static_cast<std::ptrdiff_t>(i + n)}];
  return out;
}

struct Counts {
  std::array<long, kOrder> right{}, total{};
  long answer = 0, reference = 0;
};

void addRow(Counts& counts, const std::string& answer, const std::vector<std::string>& references, BleuTokens kind) {
  const auto tokens = bleuTokens(answer, kind);
  const long length = static_cast<long>(tokens.size());
  std::array<Grams, kOrder> most;
  long closest = -1;
  for (const auto& reference : references) {
    const auto words = bleuTokens(reference, kind);
    const long size = static_cast<long>(words.size()), gap = std::labs(size - length), best = closest < 0 ? 0 : std::labs(closest - length);
    if (closest < 0 || gap < best || (gap == best && size < closest)) closest = size;
    const auto grams = gramsOf(words);
    for (std::size_t n = 0; n < kOrder; ++n)
      for (const auto& [gram, count] : grams[n]) most[n][gram] = std::max(most[n][gram], count);
  }
  counts.answer += length;
  counts.reference += std::max(closest, 0L);
  const auto own = gramsOf(tokens);
  for (std::size_t n = 0; n < kOrder; ++n)
    for (const auto& [gram, count] : own[n]) {
      counts.total[n] += count;
      if (const auto it = most[n].find(gram); it != most[n].end()) counts.right[n] += std::min(count, it->second);
    }
}

std::string signatureOf(std::size_t references, const BleuOptions& options) {
  const char* tokens = options.tokens == BleuTokens::v13a ? "13a" : options.tokens == BleuTokens::intl ? "intl" : "none";
  const char* smooth = options.smooth == BleuSmooth::exp ? "exp" : options.smooth == BleuSmooth::floor ? "floor" : options.smooth == BleuSmooth::addK ? "add-k" : "none";
  std::string value = options.smooth == BleuSmooth::floor || options.smooth == BleuSmooth::addK ? "[" + formatNumber(options.smoothValue, 3) + "]" : std::string();
  return "BLEU|nrefs:" + (references == 0 ? std::string("var") : std::to_string(references)) + "|case:mixed|eff:no|tok:" + tokens + "|smooth:" + smooth + value + "|retort:1";
}

}  // namespace

std::vector<std::string> bleuTokens(std::string_view text, BleuTokens tokens) {
  return splitBlanks(tokens == BleuTokens::v13a ? spaced13a(text) : tokens == BleuTokens::intl ? spacedIntl(text) : std::string(text));
}

Bleu bleu(const std::vector<std::string>& answers, const std::vector<std::vector<std::string>>& references, const BleuOptions& options) {
  Counts counts;
  std::size_t sameNumber = references.empty() ? 0 : references[0].size();
  for (std::size_t i = 0; i < answers.size() && i < references.size(); ++i) {
    addRow(counts, answers[i], references[i], options.tokens);
    if (references[i].size() != sameNumber) sameNumber = 0;
  }
  Bleu out;
  out.signature = signatureOf(sameNumber, options);
  out.answerLength = counts.answer, out.referenceLength = counts.reference;
  out.precisions.assign(kOrder, 0);
  if (counts.answer < counts.reference) out.brevityPenalty = counts.answer > 0 ? std::exp(1 - static_cast<double>(counts.reference) / static_cast<double>(counts.answer)) : 0;
  if (std::all_of(counts.right.begin(), counts.right.end(), [](long n) { return n == 0; })) return out;
  double logs = 0, halved = 1;
  bool zero = false;
  for (std::size_t n = 0; n < kOrder; ++n) {
    double right = static_cast<double>(counts.right[n]), total = static_cast<double>(counts.total[n]);
    if (options.smooth == BleuSmooth::addK && n > 0) right += options.smoothValue, total += options.smoothValue;
    if (counts.total[n] == 0) {
      zero = true;
      break;
    }
    if (right == 0 && options.smooth == BleuSmooth::exp) halved *= 2, right = 1 / halved;
    if (right == 0 && options.smooth == BleuSmooth::floor) right = options.smoothValue;
    out.precisions[n] = 100 * right / total;
    zero = zero || right == 0;
    if (right > 0) logs += std::log(out.precisions[n]);
  }
  if (!zero) out.score = out.brevityPenalty * std::exp(logs / static_cast<double>(kOrder));
  return out;
}

}  // namespace retort::metrics
