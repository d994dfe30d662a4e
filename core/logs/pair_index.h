// Halves of calls that lie in different files or far apart: requests of batches, messages of stored completions. Found when first asked for.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "logs/json_dom.h"
#include "logs/source_list.h"

namespace retort::logs {

enum class PairKind : std::uint8_t { none, batch, stored };

struct PairHalf {
  PairKind kind = PairKind::none;
  std::string id;
  bool isRequest = false;
};
/// Which half a document is, if any.
[[nodiscard]] PairHalf pairHalfOf(const dom::Maybe& root);
/// "chatcmpl-1" of a message with the id "chatcmpl-1-0"; empty for anything else.
[[nodiscard]] std::string_view storedMessageOf(const dom::Maybe& root);

/// All halves of the files of one import. The first question reads those files whose first document is a half; requests are spooled to an
/// unnamed temporary file, so that memory holds 40 bytes a half. Safe for several threads. Ids are looked for in the file's own folder
/// first, then anywhere.
class PairIndex {
 public:
  /// `spoolFolder`: where the temporary file lies.
  PairIndex(std::vector<ListedFile> files, std::filesystem::path spoolFolder, std::stop_token stop);
  ~PairIndex();
  /// The texts of all requests with this id: one for a batch, the messages in their order for a stored completion.
  std::vector<std::string> requests(PairKind kind, std::string_view id, std::string_view folder);
  bool hasAnswer(PairKind kind, std::string_view id, std::string_view folder);

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

}  // namespace retort::logs
