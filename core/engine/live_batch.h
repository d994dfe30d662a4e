// Continuous batching: requests join and leave a running batch between two tokens; shared beginnings are computed once.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "engine/growing_answer.h"
#include "engine/kv_cache.h"

namespace retort::engine {

/// One request while it is answered. Owned by whoever asked; the batch only writes to it, on its own thread.
struct LiveRequest {
  std::vector<text::TokenId> prompt;
  GenerationOptions options;                              ///< `batch` is not used
  std::function<void(std::string_view piece)> delta;      ///< whole UTF-8, in order
  std::function<bool()> cancelled;
  std::function<void(Result<Generated>)> done;            ///< exactly once
};

class LiveBatch {
 public:
  /// `slots`: requests answered together at most. A request alone or in company draws the same numbers.
  LiveBatch(const Decoder& decoder, const text::Tokenizer* tokenizer, std::size_t slots);

  [[nodiscard]] std::size_t active() const { return m_rows.size(); }
  [[nodiscard]] bool hasRoom() const { return m_rows.size() < m_slots; }
  /// Computes the prompt and lets the request in; a bad prompt ends it at once. Call with room only.
  void admit(std::shared_ptr<LiveRequest> request);
  /// One token for every request; those that end leave.
  void step();
  /// Ends all of them with `error`.
  void failAll(const Error& error);

 private:
  struct Row {
    std::shared_ptr<LiveRequest> request;
    GrowingAnswer answer;
    double begin = 0;
    text::TokenId last = 0;
  };
  struct Beginning {                                      ///< a prompt computed before
    std::vector<text::TokenId> ids;
    KvCache cache;
  };
  Status enter(Row& row);
  /// The next token of a row from its logits [vocab] (f32, on the CPU, used up); true when the row has ended and said so.
  bool choose(Row& row, std::span<float> logits, std::int64_t cached);
  void keep(const std::vector<text::TokenId>& ids, const KvCache& cache);

  const Decoder& m_decoder;
  const text::Tokenizer* m_tokenizer;
  std::size_t m_slots;
  std::vector<Row> m_rows;
  KvCache m_cache;                                        ///< one slot a row, in the same order
  std::deque<Beginning> m_beginnings;                     ///< newest first
};

}  // namespace retort::engine
