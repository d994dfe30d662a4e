// A parsed call before it becomes a Record: plain structs, so that an import of millions builds no JSON trees.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "logs/read_rules.h"
#include "logs/record.h"
#include "logs/reject_reason.h"

namespace retort::logs {

struct ToolCall {
  std::string id, name, arguments;             ///< arguments: JSON text
};
struct Image {
  std::string format;                          ///< "png", "application/pdf" …
  std::int64_t bytes = 0;
};
struct Message {
  std::string role, text, reasoning, toolCallId;
  std::vector<ToolCall> toolCalls;
  std::vector<Image> images;                   ///< shown behind the text
  int weight = -1;                             ///< of an answer in fine-tuning data: 0 not to be learned, 1 to be; -1: not said
};
struct Tool {
  std::string name, description, parameters;   ///< parameters: JSON text of the schema
};
/// `reading`: not a body, but the record as it was read (recordDocument), where the line alone would not give it again.
enum class Side : std::uint8_t { input = 0, output = 1, reading = 2 };
struct Spill {
  Side side{};
  std::string path;                            ///< as logged, "s3://…"
  bool isFound = false;
  std::string bytes;                           ///< the body, when found
};

struct Call {
  Record record;                               ///< all plain fields; its Json members stay empty
  std::vector<Message> messages;
  std::optional<Message> answer, dispreferred;
  std::vector<Tool> tools;
  std::vector<std::pair<std::string, std::string>> parameters;   ///< canonical name, JSON text
  std::vector<Spill> spills;
  std::uint64_t promptHash = 0;                ///< of roles, texts and tool calls of the prompt
  std::uint64_t contentHash = 0;               ///< of everything that makes two records with one id the same
  std::string requestKey;                      ///< 16 bytes
  std::string_view format;                     ///< name of the format that was recognised
  bool isGuess = false;                        ///< by keys that other formats have too
  bool isNoCall = false;                       ///< of that format, but no model call: a tool's span, the request half of a batch
  bool needsReading = false;                   ///< the line alone does not give this record again (map, join, mended sample)
  std::string repairNote;                      ///< what was mended in a malformed sample, with its place

  /// Empty again, with the memory of its texts kept: an import fills one for every line.
  void clear();
  /// An empty message, with the memory of one that clear() took back.
  [[nodiscard]] Message newMessage();
  void appendPreview(std::string& out) const;  ///< about 160 characters of the last user message, blanks joined
  [[nodiscard]] std::string preview() const {
    std::string out;
    appendPreview(out);
    return out;
  }
  /// The Record with its JSON members built.
  [[nodiscard]] Record toRecord() &&;

 private:
  void recycle(Message&& message);
  std::vector<Message> m_spare;
};

/// Finds the body behind an S3 path; nothing when it is not there.
using SpillLoader = std::function<std::optional<std::string>(std::string_view s3Path, Side side)>;

struct ParseReject {
  RejectReason reason;
  std::string detail;
};

/// One element of a document that holds many records, where it lies in that document.
struct Unit {
  std::size_t begin = 0, length = 0;
  std::string text;                    ///< what is parsed in its place, when it needs more than itself (a span with its resource)
};

/// Parses lines of any format that we know. One per thread; buffers are kept between lines.
class LineParser {
 public:
  explicit LineParser(ReadRules rules = {});
  ~LineParser();
  LineParser(LineParser&&) noexcept;
  LineParser& operator=(LineParser&&) noexcept;
  /// `isPadded`: at least 64 readable bytes follow the line. `folder`: of the file, for halves of batches. True with `call`
  /// filled, or false with `reject` filled.
  bool parse(std::string_view line, bool isPadded, const SpillLoader& spills, Call& call, ParseReject& reject, std::string_view folder = {});
  /// After parse() said no: the elements of a document that holds records rather than being one; none for any other.
  [[nodiscard]] std::vector<Unit> units(std::string_view line) const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

/// Why a text is no JSON document: `truncated` when it ends inside a string, object or array; tooDeep; else notJson.
[[nodiscard]] RejectReason classifyBadJson(std::string_view text);

}  // namespace retort::logs
