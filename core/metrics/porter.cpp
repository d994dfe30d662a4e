// Porter's stemming algorithm (1980), steps 1 to 5, with NLTK's extensions: its list of irregular forms, and words of two letters left alone.
#include <array>
#include <map>
#include <utility>

#include "metrics/rouge.h"

namespace retort::metrics {
namespace {

class Stemmer {
 public:
  explicit Stemmer(std::string_view word) : m_word(word) {}
  std::string run() {
    plurals();
    pastForms();
    finalY();
    step2();
    step3();
    step4();
    step5();
    return m_word;
  }

 private:
  [[nodiscard]] bool isConsonant(std::string_view w, std::size_t i) const {
    const char c = w[i];
    if (c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u') return false;
    return c != 'y' || i == 0 || !isConsonant(w, i - 1);
  }
  // Number of vowel-consonant sequences.
  [[nodiscard]] int measure(std::string_view w) const {
    int m = 0;
    for (std::size_t i = 1; i < w.size(); ++i) m += !isConsonant(w, i - 1) && isConsonant(w, i);
    return m;
  }
  [[nodiscard]] bool hasVowel(std::string_view w) const {
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (!isConsonant(w, i)) return true;
    }
    return false;
  }
  [[nodiscard]] bool doubled(std::string_view w) const { return w.size() >= 2 && w[w.size() - 1] == w[w.size() - 2] && isConsonant(w, w.size() - 1); }
  [[nodiscard]] bool isCvc(std::string_view w) const {
    const std::size_t n = w.size();
    if (n == 2) return !isConsonant(w, 0) && isConsonant(w, 1);
    return n >= 3 && isConsonant(w, n - 3) && !isConsonant(w, n - 2) && isConsonant(w, n - 1) && w[n - 1] != 'w' && w[n - 1] != 'x' && w[n - 1] != 'y';
  }
  [[nodiscard]] bool endsWith(std::string_view suffix) const { return m_word.ends_with(suffix); }
  [[nodiscard]] std::string_view stem(std::string_view suffix) const { return std::string_view(m_word).substr(0, m_word.size() - suffix.size()); }
  void swap(std::string_view suffix, std::string_view with) { m_word = std::string(stem(suffix)) + std::string(with); }

  void plurals() {
    if (endsWith("ies") && m_word.size() == 4) return swap("ies", "ie");
    if (endsWith("sses")) return swap("sses", "ss");
    if (endsWith("ies")) return swap("ies", "i");
    if (endsWith("ss")) return;
    if (endsWith("s")) swap("s", "");
  }
  void pastForms() {
    if (endsWith("ied")) return swap("ied", m_word.size() == 4 ? "ie" : "i");
    if (endsWith("eed")) {
      if (measure(stem("eed")) > 0) swap("eed", "ee");
      return;
    }
    for (const std::string_view suffix : {"ed", "ing"}) {
      if (!endsWith(suffix)) continue;
      if (!hasVowel(stem(suffix))) return;
      swap(suffix, "");
      if (endsWith("at")) swap("at", "ate");
      else if (endsWith("bl")) swap("bl", "ble");
      else if (endsWith("iz")) swap("iz", "ize");
      else if (doubled(m_word)) {
        if (m_word.back() != 'l' && m_word.back() != 's' && m_word.back() != 'z') m_word.pop_back();
      } else if (measure(m_word) == 1 && isCvc(m_word)) {
        m_word += 'e';
      }
      return;
    }
  }
  void finalY() {
    if (endsWith("y") && m_word.size() > 2 && isConsonant(m_word, m_word.size() - 2)) swap("y", "i");
  }
  using Rule = std::pair<std::string_view, std::string_view>;
  template <std::size_t N>
  bool apply(const std::array<Rule, N>& rules, int least) {
    for (const auto& [suffix, with] : rules) {
      if (!endsWith(suffix)) continue;
      if (measure(stem(suffix)) > least) swap(suffix, with);
      return true;
    }
    return false;
  }
  void step2() {
    if (endsWith("alli") && measure(stem("alli")) > 0) {
      swap("alli", "al");
      return step2();
    }
    if (endsWith("fulli")) {
      if (measure(stem("fulli")) > 0) swap("fulli", "ful");
      return;
    }
    static constexpr std::array<Rule, 20> kRules = {{{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"}, {"anci", "ance"}, {"izer", "ize"}, {"bli", "ble"}, {"entli", "ent"},
      {"eli", "e"}, {"ousli", "ous"}, {"ization", "ize"}, {"ation", "ate"}, {"ator", "ate"}, {"alism", "al"}, {"iveness", "ive"}, {"fulness", "ful"}, {"ousness", "ous"},
      {"aliti", "al"}, {"iviti", "ive"}, {"biliti", "ble"}, {"alli", "al"}}};
    if (apply(kRules, 0)) return;
    if (endsWith("logi") && measure(std::string_view(m_word).substr(0, m_word.size() - 3)) > 0) swap("logi", "log");
  }
  void step3() {
    static constexpr std::array<Rule, 7> kRules = {{{"icate", "ic"}, {"ative", ""}, {"alize", "al"}, {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""}, {"ness", ""}}};
    apply(kRules, 0);
  }
  void step4() {
    static constexpr std::array<Rule, 11> kFirst = {{{"al", ""}, {"ance", ""}, {"ence", ""}, {"er", ""}, {"ic", ""}, {"able", ""}, {"ible", ""}, {"ant", ""}, {"ement", ""}, {"ment", ""}, {"ent", ""}}};
    if (apply(kFirst, 1)) return;
    if (endsWith("ion")) {
      const std::string_view s = stem("ion");
      if (measure(s) > 1 && (s.ends_with('s') || s.ends_with('t'))) swap("ion", "");
      return;
    }
    static constexpr std::array<Rule, 7> kRest = {{{"ou", ""}, {"ism", ""}, {"ate", ""}, {"iti", ""}, {"ous", ""}, {"ive", ""}, {"ize", ""}}};
    apply(kRest, 1);
  }
  void step5() {
    if (endsWith("e")) {
      const std::string_view s = stem("e");
      if (measure(s) > 1 || (measure(s) == 1 && !isCvc(s))) m_word = std::string(s);
    }
    if (endsWith("ll") && measure(std::string_view(m_word).substr(0, m_word.size() - 1)) > 1) m_word.pop_back();
  }

  std::string m_word;
};

}  // namespace

std::string porterStem(std::string_view word) {
  static const std::map<std::string_view, std::string_view> kIrregular = {
      {"sky", "sky"}, {"skies", "sky"}, {"dying", "die"}, {"lying", "lie"}, {"tying", "tie"}, {"news", "news"}, {"innings", "inning"}, {"inning", "inning"},
      {"outings", "outing"}, {"outing", "outing"}, {"cannings", "canning"}, {"canning", "canning"}, {"howe", "howe"}, {"proceed", "proceed"}, {"exceed", "exceed"}, {"succeed", "succeed"}};
  if (const auto it = kIrregular.find(word); it != kIrregular.end()) return std::string(it->second);
  return word.size() <= 2 ? std::string(word) : Stemmer(word).run();
}

}  // namespace retort::metrics
