// Conversations, conv/1: a call whose messages extend an earlier call's belongs behind it.
#pragma once
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "logs/call.h"

namespace retort::logs {

/// Hashes of the beginnings of a call: chain[i] covers its first i + 1 messages, `end` all and the answer. Cut to 64 bits.
struct CallChain {
  std::vector<std::uint64_t> chain;
  std::uint64_t end = 0;                     ///< 0: no answer
};

/// h0 = H("conv/1" LF account LF caller LF session), h_i = H(h_(i-1) message_i), H the first 16 bytes of SHA-256.
[[nodiscard]] CallChain callChain(const Call& call, std::string_view caller);
/// A message as it is hashed: role LF text (CRLF to LF, trimmed), tool calls as name and arguments; no reasoning, no ids.
[[nodiscard]] std::string hashedMessage(const Message& message);
/// 12 hex digits of the SHA-256 of "conv/1" LF request id, as a number.
[[nodiscard]] std::int64_t conversationHash(std::string_view rootRequestId);
/// The session id of the metadata, or empty.
[[nodiscard]] std::string_view sessionOf(const Record& record);

class ConversationLinks {
 public:
  static constexpr std::int64_t kWindowUs = 24ll * 3600 * 1'000'000;
  struct Ended {
    std::uint32_t id = 0;
    std::int64_t timeUs = 0;
    std::uint64_t end = 0, alone = 0;
    std::uint32_t root = 0;
    std::int64_t step = 1;
  };
  struct Link {
    std::uint32_t root = 0;
    std::int64_t step = 1;
    bool isEdited = false;                   ///< found by the parent's messages, without its answer
  };
  /// Calls come in order of time; each is known to those after it.
  Link add(std::uint32_t id, std::int64_t timeUs, const CallChain& chain);
  void restore(const Ended& call);
  /// The calls of the window that ends at the newest one.
  [[nodiscard]] const std::deque<Ended>& window() const { return m_calls; }

 private:
  void keep(const Ended& call);
  void dropBefore(std::int64_t timeUs);
  [[nodiscard]] const Ended* latest(const std::unordered_map<std::uint64_t, std::vector<std::uint64_t>>& where, std::uint64_t hash, std::int64_t timeUs) const;
  std::deque<Ended> m_calls;                 ///< by time
  std::uint64_t m_first = 0;                 ///< number of m_calls.front()
  std::unordered_map<std::uint64_t, std::vector<std::uint64_t>> m_byEnd, m_byAlone;   ///< numbers of calls, ascending
};

}  // namespace retort::logs
