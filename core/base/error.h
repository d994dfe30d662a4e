// What went wrong, for people: the thing, the place, the reason and the next step, with a stable code for programs.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retort {

/// One failure. `code` is a stable dotted string ("logs.json.cut"), never renumbered. The sentences are English; the
/// window translates them by code and `args`. Foreign text inside them must pass through `shown()` first.
struct Error {
  std::string code{};                                       ///< "room.thing.reason"
  std::string what{};                                       ///< what failed, naming the thing: "calls.jsonl cannot be read"
  std::string where{};                                      ///< the place: file, line, byte, tensor, field, request id
  std::string why{};                                        ///< the reason, in a sentence
  std::string next{};                                       ///< what to do about it
  std::string detail{};                                     ///< text of the system, SQLite, CUDA …, for experts
  std::vector<std::pair<std::string, std::string>> args{};   ///< values of the sentence, for translation

  /// "what, where: why. next" as one line, without empty parts.
  [[nodiscard]] std::string text() const;
};

/// Foreign text made safe to show inside a sentence: control characters escaped, cut at 200 characters.
[[nodiscard]] std::string shown(std::string_view foreign);

/// An error of the operating system about a file; `action` is a verb phrase such as "read" or "write"; uses errno.
[[nodiscard]] Error systemError(std::string_view code, std::string_view action, std::string_view path, int errnoValue);

/// The stable code of work that was stopped by its user.
inline constexpr std::string_view kCancelled = "base.cancelled";
[[nodiscard]] Error cancelledError(std::string_view what);
[[nodiscard]] inline bool isCancelled(const Error& error) { return error.code == kCancelled; }

}  // namespace retort
