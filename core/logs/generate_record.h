// Logged calls of the sample worlds: what a call was, and the JSON line that Bedrock would have written about it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "logs/generate_desk.h"

namespace retort::logs {

/// One call of the city desk to one of its three models.
struct DeskCall {
  std::string requestId;                 ///< a UUID
  std::int64_t timeMs = 0;
  int model = 0;                         ///< 0 the best of three, 1, 2
  DeskMessage message;
  std::string answer;
  bool isRight = false;                  ///< the answer is the message's label
  int promptVersion = 1;
  std::vector<std::pair<std::string, std::string>> metadata;
  Json input, output;                    ///< bodies; output null for a failed call
  Json record;                           ///< the envelope with both bodies
};

/// Draws the calls one after the other; the text of call i does not depend on how the others are logged.
class DeskCalls {
 public:
  DeskCalls(std::uint64_t seed, std::int64_t count, bool metadataOnly);
  [[nodiscard]] DeskCall next();

 private:
  void answer(DeskCall& call);
  void metadata(DeskCall& call);
  void bodies(DeskCall& call);
  Random m_texts, m_rest;
  std::int64_t m_index = 0, m_count;
  std::int64_t m_timeMs;
  bool m_metadataOnly;
  DeskMessage m_repeated;                ///< asked again of another model (a shadow call)
  int m_shadowModel = -1;
};

/// 32 random hex digits in the shape of a UUID (version 4).
[[nodiscard]] std::string randomUuid(Random& random);
/// 2026-03-02 06:00 UTC, the first hour of both worlds.
inline constexpr std::int64_t kWorldStartMs = 1'772'431'200'000;

}  // namespace retort::logs
