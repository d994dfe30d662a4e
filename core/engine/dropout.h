// Whether adapters drop inputs at random right now: on only inside a training pass, also when a checkpoint runs it again.
#pragma once

namespace retort::engine {

class DropoutScope {
 public:
  explicit DropoutScope(bool on);
  ~DropoutScope();
  DropoutScope(const DropoutScope&) = delete;
  DropoutScope& operator=(const DropoutScope&) = delete;
  [[nodiscard]] static bool isOn();

 private:
  bool m_before;
};

}  // namespace retort::engine
