// Near-duplicates by MinHash over shingles and locality-sensitive hashing, joined by union-find.
#include "data/groups.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <numeric>
#include <unordered_map>

#include "base/format.h"
#include "base/hash.h"
#include "base/random.h"
#include "job/row.h"

namespace retort::data {
namespace {

constexpr int kPermutations = kBands * kRows;
constexpr std::size_t kMostCompared = 16;          ///< members of a bucket that a new one is compared with
using Signature = std::array<std::uint32_t, kPermutations>;

std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xFF51AFD7ED558CCDu;
  x ^= x >> 33;
  x *= 0xC4CEB9FE1A85EC53u;
  return x ^ (x >> 33);
}

std::uint64_t hashOf(std::string_view text) {
  std::uint64_t h = 0xCBF29CE484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return mix(h);
}

bool isWordByte(char c) { return (c & 0x80) != 0 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z'); }

std::vector<std::string_view> wordsOf(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && isWordByte(text[end])) ++end;
    if (end > i) words.push_back(text.substr(i, end - i));
    i = end + 1;
  }
  return words;
}

/// Offsets of the code points' first bytes, and the end; `cjk` counts those of Chinese, Japanese and Korean.
std::vector<std::size_t> codePoints(std::string_view text, std::size_t& cjk) {
  std::vector<std::size_t> starts;
  cjk = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] & 0xC0) == 0x80) continue;
    starts.push_back(i);
    const auto lead = static_cast<unsigned char>(text[i]);
    cjk += lead >= 0xE3 && lead <= 0xED;           // U+3000 to U+D7FF, near enough
  }
  starts.push_back(text.size());
  return starts;
}

const std::array<std::uint64_t, kPermutations>& permutationSeeds() {
  static const auto seeds = [] {
    std::array<std::uint64_t, kPermutations> out{};
    Random random(0x52544C47);
    for (auto& seed : out) seed = random.next() | 1;
    return out;
  }();
  return seeds;
}

Signature signatureOf(const std::vector<std::uint64_t>& set) {
  Signature signature;
  signature.fill(~0u);
  const auto& seeds = permutationSeeds();
  for (const std::uint64_t shingle : set)
    for (std::size_t i = 0; i < kPermutations; ++i) {
      std::uint64_t h = (shingle ^ seeds[i]) * 0x9E3779B97F4A7C15u;
      h ^= h >> 32;
      signature[i] = std::min(signature[i], static_cast<std::uint32_t>((h * 0xD6E8FEB86659FD93u) >> 32));
    }
  return signature;
}

double similarity(const Signature& a, const Signature& b) {
  int equal = 0;
  for (std::size_t i = 0; i < kPermutations; ++i) equal += a[i] == b[i];
  return static_cast<double>(equal) / kPermutations;
}

class UnionFind {
 public:
  explicit UnionFind(std::size_t n) : m_parent(n) { std::iota(m_parent.begin(), m_parent.end(), 0u); }
  std::uint32_t find(std::uint32_t x) {
    while (m_parent[x] != x) x = m_parent[x] = m_parent[m_parent[x]];
    return x;
  }
  bool join(std::uint32_t a, std::uint32_t b) {
    a = find(a), b = find(b);
    if (a == b) return false;
    m_parent[std::max(a, b)] = std::min(a, b);
    return true;
  }

 private:
  std::vector<std::uint32_t> m_parent;
};

/// Joins near-duplicates among distinct texts.
Status joinNear(const std::vector<std::string>& unique, UnionFind& sets, std::stop_token stop, const ProgressFn& progress) {
  std::vector<Signature> signatures(unique.size());
  ProgressMeter meter(progress, "Looking for near-duplicates", "prompts", static_cast<std::int64_t>(unique.size()));
  for (std::size_t i = 0; i < unique.size(); ++i) {
    if (stop.stop_requested()) return cancelledError("Grouping prompts");
    signatures[i] = signatureOf(shingles(unique[i]));
    if ((i & 255) == 0) meter.at(static_cast<std::int64_t>(i));
  }
  for (int band = 0; band < kBands; ++band) {
    std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> buckets;
    for (std::uint32_t i = 0; i < unique.size(); ++i) {
      std::uint64_t key = static_cast<std::uint64_t>(band);
      for (int r = 0; r < kRows; ++r) key = mix(key ^ signatures[i][static_cast<std::size_t>(band * kRows + r)]) + 0x9E3779B97F4A7C15u;
      auto& bucket = buckets[key];
      const std::size_t compared = std::min(bucket.size(), kMostCompared);
      for (std::size_t m = 0; m < compared; ++m)
        if (sets.find(bucket[m]) != sets.find(i) && similarity(signatures[bucket[m]], signatures[i]) >= kNearDuplicate) sets.join(bucket[m], i);
      bucket.push_back(i);
    }
  }
  meter.finish();
  return {};
}

}  // namespace

std::string normalisedPrompt(std::string_view text) {
  const std::string valid = isValidUtf8(text) ? std::string(text) : repairUtf8(text);
  utf8proc_uint8_t* mapped = nullptr;
  const auto length = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(valid.data()), static_cast<utf8proc_ssize_t>(valid.size()), &mapped,
                                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD));
  std::string folded = length >= 0 ? std::string(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(length)) : lowerAscii(valid);
  std::free(mapped);  // NOLINT: allocated by utf8proc with malloc
  std::string out;
  bool blank = false;
  for (const char c : folded) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) {
      blank = !out.empty();
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    out += c;
  }
  return out;
}

std::string promptKey(const Json& messages) {
  std::string text;
  for (const auto& message : messages) {
    if (message.value("role", "") == "system") continue;
    if (!text.empty()) text += '\n';
    text += job::contentText(message);
  }
  return normalisedPrompt(text);
}

std::vector<std::uint64_t> shingles(std::string_view normalised) {
  std::vector<std::uint64_t> set;
  const auto words = wordsOf(normalised);
  std::size_t cjk = 0;
  const auto starts = codePoints(normalised, cjk);
  const std::size_t characters = starts.size() - 1;
  if (words.size() >= 5 && cjk * 2 < characters) {
    for (std::size_t i = 0; i + 5 <= words.size(); ++i) {
      std::uint64_t h = 0;
      for (std::size_t w = i; w < i + 5; ++w) h = mix(h ^ hashOf(words[w])) + 0x9E3779B97F4A7C15u;
      set.push_back(h);
    }
  } else {
    const std::size_t n = std::min<std::size_t>(cjk * 2 >= characters && characters > 13 ? 13 : 5, std::max<std::size_t>(characters, 1));
    for (std::size_t i = 0; i + n <= characters; ++i) set.push_back(hashOf(normalised.substr(starts[i], starts[i + n] - starts[i])));
    if (set.empty()) set.push_back(hashOf(normalised));
  }
  std::sort(set.begin(), set.end());
  set.erase(std::unique(set.begin(), set.end()), set.end());
  return set;
}

Result<Groups> groupPrompts(const std::vector<std::string>& texts, const std::vector<std::string>& together, std::stop_token stop, const ProgressFn& progress) {
  // Distinct texts in their own order, so that the groups do not depend on the order of the rows.
  std::vector<std::string> unique = texts;
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  std::vector<std::uint32_t> textOf(texts.size());
  std::vector<std::size_t> rowsOf(unique.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    textOf[i] = static_cast<std::uint32_t>(std::lower_bound(unique.begin(), unique.end(), texts[i]) - unique.begin());
    ++rowsOf[textOf[i]];
  }
  Groups groups;
  groups.duplicates = texts.size() - unique.size();
  UnionFind near(unique.size());
  RETORT_CHECK(joinNear(unique, near, stop, progress));
  std::map<std::uint32_t, std::size_t> sizes, members;
  for (std::uint32_t i = 0; i < unique.size(); ++i) sizes[near.find(i)] += rowsOf[i], ++members[near.find(i)];
  UnionFind sets(unique.size());
  const auto isTooLarge = [&](std::uint32_t root) {
    const std::size_t size = sizes[root];
    return size > kSmallGroup && members[root] > 1 && static_cast<double>(size) > kTooLargeShare * static_cast<double>(texts.size());
  };
  for (std::uint32_t i = 0; i < unique.size(); ++i)
    if (const std::uint32_t root = near.find(i); root != i && !isTooLarge(root)) groups.nearDuplicates += sets.join(root, i);
  for (const auto& [root, size] : sizes)
    if (isTooLarge(root))
      groups.cutBack.push_back("A group of " + formatCount(static_cast<std::int64_t>(size)) + " similar prompts is over " + formatPercent(kTooLargeShare, 0) +
                               " of the rows and was cut back to exact duplicates: \"" + shown(std::string_view(unique[root]).substr(0, 80)) + "\"");
  std::map<std::string_view, std::uint32_t> first;
  for (std::size_t i = 0; i < together.size(); ++i)
    if (!together[i].empty())
      if (const auto [it, isNew] = first.emplace(together[i], textOf[i]); !isNew) sets.join(it->second, textOf[i]);
  std::vector<std::uint32_t> numberOf(unique.size());
  for (std::uint32_t i = 0; i < unique.size(); ++i) {
    if (sets.find(i) != i) continue;               // a root is the smallest of its set, so it is met first
    numberOf[i] = static_cast<std::uint32_t>(groups.names.size());
    groups.names.push_back("g" + sha256Hex(unique[i]).substr(0, 16));
  }
  for (const std::uint32_t text : textOf) groups.groupOf.push_back(numberOf[sets.find(text)]);
  return groups;
}

}  // namespace retort::data
