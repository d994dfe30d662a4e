// Script first; among languages of Latin or Cyrillic script the one whose commonest words are most frequent.
#include "logs/language.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace retort::logs {

namespace {

constexpr std::size_t kLooksAt = 1024;

struct Words {
  std::string_view language, words;
};

// Short words that are frequent in one language and rare in the others; some are shared and count for each.
constexpr std::array<Words, 14> kWords = {{
    {"en", "the and of to in is you that it for was with are be this have from not what can my please your how would which there their will about has do does when where who why should could we they i a an on at by or as if but me"},
    {"de", "der die das und ist nicht ich sie ein eine mit den dem von auf zu für im es wie was auch sich werden wird bitte kann haben hat bei oder aus nach dass wir ihr mein meine über einen wenn nur noch"},
    {"fr", "le la les des et est une un pour dans que qui je vous nous pas ne sur avec ce cette il elle au aux du de par plus mon ma mes être avoir comment quel quelle merci bonjour sont mais ou où"},
    {"es", "el la los las de y que en un una por para con no es se lo del al como más pero su mi me yo este esta qué cuál cómo dónde gracias hola son está muy también cuando hay ser"},
    {"it", "il lo la gli le di e che in un una per con non è si del della dei al come più ma mio mia sono questo questa anche dove quando grazie ciao perché cosa nel nella alla ho ha"},
    {"pt", "o a os as de e que em um uma por para com não é se do da dos das ao como mais mas meu minha você este esta isso são está muito também quando obrigado olá onde no na pelo pela"},
    {"nl", "de het een en van is niet ik je dat die in op te met voor zijn aan er maar om ook als bij uit naar dan nog wat hoe waar wij mijn uw deze dit wordt heeft kan graag"},
    {"sv", "och det att i en jag hon som han på den med var sig för så till är men ett om hade de av icke mig du henne då sin nu har inte hans honom skulle hur vad kan"},
    {"pl", "i w nie na się że z do to jest jak co o ale za po tak od przez dla czy już tylko mnie mi być był są który która może gdzie kiedy proszę"},
    {"tr", "ve bir bu için ile de da ne mi çok daha ben sen gibi olarak ama nasıl var yok kadar olan lütfen değil nerede merhaba her şey"},
    {"cs", "a se v na je že to s z do i o k jako za by ale jsem jsou pro po jak co když tak už nebo byl není prosím který kde"},
    {"id", "yang dan di ini itu dengan untuk tidak dari dalam akan pada juga saya ke karena tersebut bisa ada adalah apa bagaimana anda atau sudah"},
    {"ru", "и в не на что я с он как это по но из у за от же вы так бы для мы к о все она его только мне было вот меня еще нет если"},
    {"uk", "і в не на що я з як це по але у за від ви так для ми до все вона його тільки мені було та чи є або щоб якщо"},
}};

/// The words of all languages by hash: one look for each word of a text, nearly always at an empty place.
class WordTable {
 public:
  WordTable() {
    for (std::size_t i = 0; i < kWords.size(); ++i)
      for (std::string_view rest = kWords[i].words; !rest.empty();) {
        const auto word = rest.substr(0, rest.find(' '));
        Entry& entry = m_entries[placeOf(word, hashOf(word))];
        entry.word = word;
        entry.languages |= 1u << i;
        rest.remove_prefix(std::min(rest.size(), word.size() + 1));
      }
  }
  /// Bits of the languages that have it. `hash`: of kSeed and every byte by step().
  [[nodiscard]] std::uint32_t languagesOf(std::string_view word, std::uint32_t hash) const { return m_entries[placeOf(word, hash)].languages; }

  static constexpr std::uint32_t kSeed = 2166136261u;
  static std::uint32_t step(std::uint32_t hash, char c) { return (hash ^ static_cast<unsigned char>(c)) * 16777619u; }   // FNV-1a

 private:
  struct Entry {
    std::string_view word;
    std::uint32_t languages = 0;
  };
  static std::uint32_t hashOf(std::string_view word) {
    std::uint32_t hash = kSeed;
    for (const char c : word) hash = step(hash, c);
    return hash;
  }
  /// Where a word stands, or the empty place where it would.
  [[nodiscard]] std::size_t placeOf(std::string_view word, std::uint32_t hash) const {
    std::size_t i = (hash ^ hash >> 15) % m_entries.size();
    while (!m_entries[i].word.empty() && m_entries[i].word != word) i = (i + 1) % m_entries.size();
    return i;
  }
  std::array<Entry, 2048> m_entries;                 // about 430 words
};

enum Script { latin, cyrillic, greek, hebrew, arabic, devanagari, thai, hangul, kana, han, kScripts };

int scriptOf(std::uint32_t c) {
  if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c < 0x250)) return latin;
  if (c >= 0x370 && c < 0x400) return greek;
  if (c >= 0x400 && c < 0x530) return cyrillic;
  if (c >= 0x590 && c < 0x600) return hebrew;
  if (c >= 0x600 && c < 0x780) return arabic;
  if (c >= 0x900 && c < 0x980) return devanagari;
  if (c >= 0xe00 && c < 0xe80) return thai;
  if (c >= 0x3040 && c < 0x3100) return kana;
  if ((c >= 0x4e00 && c < 0xa000) || (c >= 0x3400 && c < 0x4dc0)) return han;
  if (c >= 0xac00 && c < 0xd7b0) return hangul;
  return -1;
}

std::uint32_t codePoint(std::string_view text, std::size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at++]);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  std::uint32_t c = lead & (0x3fu >> more);
  for (int i = 0; i < more && at < text.size(); ++i) c = c << 6 | (static_cast<unsigned char>(text[at++]) & 0x3fu);
  return c;
}

/// Of a text of at most kLooksAt bytes.
std::string_view byWords(std::string_view text) {
  std::array<int, kWords.size()> hits{};
  int words = 0;
  static const WordTable table;
  char word[kLooksAt];                               // in lower case
  std::size_t length = 0;
  std::uint32_t hash = WordTable::kSeed;
  const auto end = [&] {
    if (length == 0) return;
    ++words;
    if (const auto languages = table.languagesOf({word, length}, hash))
      for (std::size_t i = 0; i < hits.size(); ++i) hits[i] += languages >> i & 1;
    length = 0;
    hash = WordTable::kSeed;
  };
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if ((c >= 'a' && c <= 'z') || (c & 0x80)) hash = WordTable::step(hash, word[length++] = c);
    else end();
  }
  end();
  const auto best = std::max_element(hits.begin(), hits.end());
  int second = 0;
  for (auto it = hits.begin(); it != hits.end(); ++it)
    if (it != best) second = std::max(second, *it);
  // At least two of its words, one word in ten, and clearly more than the next language.
  if (*best < 2 || *best * 10 < words || *best * 4 < second * 5) return {};
  return kWords[static_cast<std::size_t>(best - hits.begin())].language;
}

}  // namespace

std::string_view languageOf(std::string_view text) {
  text = text.substr(0, kLooksAt);
  std::array<int, kScripts> counts{};
  int letters = 0;
  for (std::size_t at = 0; at < text.size();)
    if (const int script = scriptOf(codePoint(text, at)); script >= 0) ++counts[static_cast<std::size_t>(script)], ++letters;
  if (letters < 2) return {};
  if (counts[kana] * 10 > letters) return "ja";
  const auto most = std::max_element(counts.begin(), counts.end()) - counts.begin();
  if (counts[static_cast<std::size_t>(most)] * 2 < letters) return {};
  switch (most) {
    case han: return "zh";
    case hangul: return "ko";
    case greek: return "el";
    case hebrew: return "he";
    case arabic: return "ar";
    case devanagari: return "hi";
    case thai: return "th";
    default: return byWords(text);
  }
}

}  // namespace retort::logs
