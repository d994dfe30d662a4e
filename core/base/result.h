// Result<T>: a value or an Error; every fallible function of the core returns one.
#pragma once
#include <cstdlib>
#include <optional>
#include <utility>
#include <variant>

#include "base/error.h"

namespace retort {

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : m_state(std::in_place_index<0>, std::move(value)) {}          // NOLINT: implicit on purpose
  Result(Error error) : m_state(std::in_place_index<1>, std::move(error)) {}      // NOLINT: implicit on purpose

  [[nodiscard]] bool ok() const { return m_state.index() == 0; }
  explicit operator bool() const { return ok(); }

  /// The value; asking a failed result for it ends the program (a programming error).
  T& value() & { return check(), std::get<0>(m_state); }
  const T& value() const& { return check(), std::get<0>(m_state); }
  T&& value() && { return check(), std::move(std::get<0>(m_state)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& { return std::get<1>(m_state); }
  [[nodiscard]] Error&& error() && { return std::move(std::get<1>(m_state)); }
  [[nodiscard]] T valueOr(T other) && { return ok() ? std::move(std::get<0>(m_state)) : std::move(other); }

 private:
  void check() const {
    if (!ok()) std::abort();
  }
  std::variant<T, Error> m_state;
};

/// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : m_error(std::move(error)) {}  // NOLINT: implicit on purpose
  [[nodiscard]] bool ok() const { return !m_error; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const& { return *m_error; }
  [[nodiscard]] Error&& error() && { return std::move(*m_error); }

 private:
  std::optional<Error> m_error;
};

using Status = Result<void>;

}  // namespace retort

#define RETORT_CONCAT_(a, b) a##b
#define RETORT_CONCAT(a, b) RETORT_CONCAT_(a, b)

/// RETORT_TRY(auto x, f()); declares x with the value of f(), or returns f()'s error from the enclosing function.
#define RETORT_TRY(declaration, expression)                                            \
  auto RETORT_CONCAT(retortTry, __LINE__) = (expression);                              \
  if (!RETORT_CONCAT(retortTry, __LINE__).ok())                                        \
    return std::move(RETORT_CONCAT(retortTry, __LINE__)).error();                      \
  declaration = std::move(RETORT_CONCAT(retortTry, __LINE__)).value()

/// RETORT_CHECK(f()); returns f()'s error from the enclosing function, for Result<void>.
#define RETORT_CHECK(expression)                                                       \
  do {                                                                                 \
    auto retortCheck = (expression);                                                   \
    if (!retortCheck.ok()) return std::move(retortCheck).error();                      \
  } while (false)
