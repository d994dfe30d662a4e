// Small things that engines run by: a deadline that stops a query, a file that is gone afterwards.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"

namespace retort::logs {

/// A token that is stopped by the user's, or when the time is up.
class Deadline {
 public:
  Deadline(std::stop_token user, double seconds);
  ~Deadline();
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  [[nodiscard]] std::stop_token token() const;
  /// The time was up before the user stopped it.
  [[nodiscard]] bool isOver() const;

 private:
  struct State;
  std::unique_ptr<State> m_state;
};

[[nodiscard]] Error tooSlow(const std::string& source, double seconds);

/// Names of variables that hold keys for others than AWS: an engine's program needs none of them.
[[nodiscard]] std::vector<std::string> keysOfOthers();

struct RemoveAtEnd {
  std::filesystem::path path;
  ~RemoveAtEnd();
};

}  // namespace retort::logs
