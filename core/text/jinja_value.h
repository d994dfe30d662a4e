// Values of the template language: Python-like, bounded, and with strings whose every byte knows who wrote it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace retort::text::jinja {

inline constexpr std::uint8_t kTemplate = 1;    ///< the template wrote these bytes (else: data)
inline constexpr std::uint8_t kGenerated = 2;   ///< written inside {% generation %}

inline constexpr std::size_t kMaxSteps = 1'000'000;
inline constexpr std::size_t kMaxString = 8u << 20;      ///< of the output and of every string on the way
inline constexpr std::int64_t kMaxRepeat = 10'000;       ///< of range() and of sequence repetition
inline constexpr int kMaxDepth = 64;                     ///< of syntax, macro calls and template-made containers
inline constexpr int kMaxDataDepth = 128;                ///< of values given by the caller
inline constexpr std::size_t kMaxSource = 1u << 20;

struct Object {
  virtual ~Object() = default;
};

/// A stretch of a string that ends at byte `end`, with its provenance flags.
struct Run {
  std::uint32_t end = 0;
  std::uint8_t flags = 0;
};

/// UTF-8 text with provenance: `runs` cover `bytes` in order. `markup`: came out of `safe` or `escape`, so that "+" escapes
/// the other side, as Jinja does.
struct Str : Object {
  std::string bytes;
  std::vector<Run> runs;
  bool markup = false;
};

/// Builds a string; past kMaxString it stops growing and says so.
class StrBuilder {
 public:
  void add(std::string_view bytes, std::uint8_t flags);
  void add(const Str& text, std::uint8_t extraFlags = 0) { add(text, 0, text.bytes.size(), extraFlags); }
  void add(const Str& text, std::size_t begin, std::size_t end, std::uint8_t extraFlags = 0);
  [[nodiscard]] std::size_t size() const { return m_text.bytes.size(); }
  [[nodiscard]] bool overflowed() const { return m_overflowed; }
  [[nodiscard]] Str& text() { return m_text; }
  [[nodiscard]] std::shared_ptr<const Str> take(bool markup = false);

 private:
  Str m_text;
  bool m_overflowed = false;
};

enum class Kind : std::uint8_t { undefined, none, boolean, integer, real, string, list, tuple, dict, space, callable, loop };

class Value {
 public:
  Value() = default;                                                       ///< undefined
  static Value none() { return Value(Kind::none); }
  static Value boolean(bool b) { Value v(Kind::boolean); v.m_integer = b ? 1 : 0; return v; }
  static Value integer(std::int64_t i) { Value v(Kind::integer); v.m_integer = i; return v; }
  static Value real(double d) { Value v(Kind::real); v.m_real = d; return v; }
  static Value string(std::string_view bytes, std::uint8_t flags = 0);
  static Value string(std::shared_ptr<const Str> text) { return Value(Kind::string, std::const_pointer_cast<Str>(std::move(text))); }
  static Value undefinedNamed(std::string_view what);                      ///< `what` is said in errors
  Value(Kind kind, std::shared_ptr<Object> object) : m_kind(kind), m_object(std::move(object)) {}

  [[nodiscard]] Kind kind() const { return m_kind; }
  [[nodiscard]] bool is(Kind kind) const { return m_kind == kind; }
  [[nodiscard]] bool isNumber() const { return m_kind == Kind::boolean || m_kind == Kind::integer || m_kind == Kind::real; }
  [[nodiscard]] bool isWhole() const { return m_kind == Kind::boolean || m_kind == Kind::integer; }
  [[nodiscard]] bool isSequence() const { return m_kind == Kind::list || m_kind == Kind::tuple; }
  [[nodiscard]] std::int64_t whole() const { return m_integer; }           ///< of a boolean or integer
  [[nodiscard]] double number() const { return m_kind == Kind::real ? m_real : static_cast<double>(m_integer); }
  [[nodiscard]] const Str& str() const { return static_cast<const Str&>(*m_object); }
  [[nodiscard]] std::shared_ptr<const Str> strPtr() const { return std::static_pointer_cast<const Str>(m_object); }
  [[nodiscard]] struct List& list() const;
  [[nodiscard]] struct Dict& dict() const;
  [[nodiscard]] struct Space& space() const;
  [[nodiscard]] struct Callable& callable() const;
  [[nodiscard]] struct Loop& loop() const;
  [[nodiscard]] const std::shared_ptr<Object>& object() const { return m_object; }
  [[nodiscard]] std::string undefinedName() const;
  [[nodiscard]] bool truthy() const;
  /// Nesting of containers: 0 for scalars.
  [[nodiscard]] int depth() const;
  /// Python's name of the type, for errors.
  [[nodiscard]] std::string_view typeName() const;

 private:
  explicit Value(Kind kind) : m_kind(kind) {}
  Kind m_kind = Kind::undefined;
  union {
    std::int64_t m_integer = 0;
    double m_real;
  };
  std::shared_ptr<Object> m_object;
};

/// A list or tuple. A generator (map, select …) is true and can be walked through once.
struct List : Object {
  std::vector<Value> items;
  bool generator = false, madeByTemplate = false;
  int depth = 1;
};

/// A dictionary in order of insertion. Keys are hashable scalars or tuples of such.
struct Dict : Object {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;
  [[nodiscard]] const Value* find(const Value& key) const;
  [[nodiscard]] const Value* find(std::string_view key) const;
  void set(const Value& key, Value value);

 private:
  [[nodiscard]] std::size_t position(const std::string& canonical) const;
  std::unordered_map<std::string, std::size_t> m_index;
};

/// What namespace() makes: attributes that inner scopes may set.
struct Space : Object {
  std::vector<std::pair<std::string, Value>> items;
};

/// True when `key` can be a dictionary key.
[[nodiscard]] bool isHashable(const Value& key);

// Text helpers, by code point as Python counts.
[[nodiscard]] bool isSpace(char32_t c);                                       ///< str.isspace
[[nodiscard]] char32_t decodeAt(std::string_view text, std::size_t& pos);     ///< reads one code point, advances; U+FFFD on error
void appendUtf8(std::string& out, char32_t c);
[[nodiscard]] std::size_t offsetOf(std::string_view text, std::size_t codePoints);  ///< byte offset of a code point index
[[nodiscard]] std::string formatReal(double value);                           ///< Python's repr of a float
/// Bytes [first, second) of `text` without whitespace (or characters of `chars`, when not null) at the chosen ends.
[[nodiscard]] std::pair<std::size_t, std::size_t> stripRange(std::string_view text, const std::string_view* chars, bool left, bool right);

}  // namespace retort::text::jinja
