// The sample world "load": large amounts of plausible calls of pseudo-words, written as fast as a disk takes them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace retort::logs {

class LoadLines {
 public:
  LoadLines(std::uint64_t seed, bool metadataOnly);
  /// The next record's line, valid until the next call.
  std::string_view next();
  [[nodiscard]] const std::string& requestId() const { return m_requestId; }
  [[nodiscard]] std::int64_t timeMs() const { return m_timeMs; }

 private:
  void words(std::uint64_t count);
  std::uint64_t length(std::uint64_t low, int octaves);
  void uuid(std::string& out);
  void metadata();
  Random m_random;
  std::vector<std::string> m_words;           ///< JSON-escaped, each with a blank behind it
  std::vector<std::uint32_t> m_wordTable, m_tenantTable;   ///< 65,536 draws each, Zipf
  std::vector<std::string> m_systems;         ///< 40 system prompts, by prompt version
  std::string m_line, m_requestId, m_session;
  std::int64_t m_timeMs;
  bool m_metadataOnly;
  std::uint64_t m_version = 0;
};

}  // namespace retort::logs
