// Strings with provenance, containers and their keys, and Python's way to count and print.
#include "text/jinja_value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/jinja_objects.h"

namespace retort::text::jinja {

void StrBuilder::add(std::string_view bytes, std::uint8_t flags) {
  if (bytes.empty() || m_overflowed) return;
  if (m_text.bytes.size() + bytes.size() > kMaxString) {
    m_overflowed = true;
    return;
  }
  m_text.bytes.append(bytes);
  const auto end = static_cast<std::uint32_t>(m_text.bytes.size());
  if (!m_text.runs.empty() && m_text.runs.back().flags == flags) {
    m_text.runs.back().end = end;
  } else {
    m_text.runs.push_back({end, flags});
  }
}

void StrBuilder::add(const Str& text, std::size_t begin, std::size_t end, std::uint8_t extraFlags) {
  if (begin >= end) return;
  auto run = std::upper_bound(text.runs.begin(), text.runs.end(), begin, [](std::size_t at, const Run& r) { return at < r.end; });
  const std::string_view bytes = text.bytes;
  for (; begin < end && run != text.runs.end(); ++run) {
    const std::size_t stop = std::min<std::size_t>(end, run->end);
    add(bytes.substr(begin, stop - begin), static_cast<std::uint8_t>(run->flags | extraFlags));
    begin = stop;
  }
}

std::shared_ptr<const Str> StrBuilder::take(bool markup) {
  auto out = std::make_shared<Str>();
  out->bytes = std::move(m_text.bytes);
  out->runs = std::move(m_text.runs);
  out->markup = markup;
  m_text = {};
  return out;
}

Value Value::string(std::string_view bytes, std::uint8_t flags) {
  StrBuilder b;
  b.add(bytes, flags);
  return string(b.take());
}

Value Value::undefinedNamed(std::string_view what) {
  auto name = std::make_shared<Str>();
  name->bytes = what;
  return Value(Kind::undefined, std::move(name));
}

std::string Value::undefinedName() const { return m_object ? static_cast<const Str&>(*m_object).bytes : std::string("the value"); }
List& Value::list() const { return static_cast<List&>(*m_object); }
Dict& Value::dict() const { return static_cast<Dict&>(*m_object); }
Space& Value::space() const { return static_cast<Space&>(*m_object); }
Callable& Value::callable() const { return static_cast<Callable&>(*m_object); }
Loop& Value::loop() const { return static_cast<Loop&>(*m_object); }

bool Value::truthy() const {
  switch (m_kind) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean:
    case Kind::integer: return m_integer != 0;
    case Kind::real: return m_real != 0;
    case Kind::string: return !str().bytes.empty();
    case Kind::list:
    case Kind::tuple: return list().generator || !list().items.empty();
    case Kind::dict: return !dict().items.empty();
    case Kind::space:
    case Kind::callable:
    case Kind::loop: return true;
  }
  return false;
}

int Value::depth() const {
  if (isSequence()) return list().depth;
  return is(Kind::dict) ? dict().depth : 0;
}

std::string_view Value::typeName() const {
  switch (m_kind) {
    case Kind::undefined: return "undefined";
    case Kind::none: return "none";
    case Kind::boolean: return "a boolean";
    case Kind::integer: return "an integer";
    case Kind::real: return "a float";
    case Kind::string: return "a string";
    case Kind::list: return "a list";
    case Kind::tuple: return "a tuple";
    case Kind::dict: return "a dictionary";
    case Kind::space: return "a namespace";
    case Kind::callable: return "a macro or function";
    case Kind::loop: return "the loop";
  }
  return "a value";
}

bool isHashable(const Value& key) {
  if (key.is(Kind::list) || key.is(Kind::dict)) return false;
  if (!key.is(Kind::tuple)) return true;
  return std::all_of(key.list().items.begin(), key.list().items.end(), [](const Value& v) { return isHashable(v); });
}

namespace {
// One text for each class of equal keys: 1, 1.0 and True are one key.
std::string canonicalKey(const Value& key) {
  switch (key.kind()) {
    case Kind::string: return "s" + key.str().bytes;
    case Kind::none: return "n";
    case Kind::boolean:
    case Kind::integer: return "i" + std::to_string(key.whole());
    case Kind::real: {
      const double d = key.number();
      if (d == std::floor(d) && std::abs(d) < 9e15) return "i" + std::to_string(static_cast<std::int64_t>(d));
      return "f" + formatReal(d);
    }
    case Kind::tuple: {
      std::string out = "t";
      for (const Value& v : key.list().items) {
        const std::string part = canonicalKey(v);
        out += std::to_string(part.size()) + ":" + part;
      }
      return out;
    }
    default: return "o" + std::to_string(reinterpret_cast<std::uintptr_t>(key.object().get()));
  }
}
constexpr std::size_t kSmall = 8;
}  // namespace

std::size_t Dict::position(const std::string& canonical) const {
  if (items.size() > kSmall) {
    const auto it = m_index.find(canonical);
    return it == m_index.end() ? items.size() : it->second;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (canonicalKey(items[i].first) == canonical) return i;
  }
  return items.size();
}

const Value* Dict::find(const Value& key) const {
  if (key.is(Kind::string)) return find(key.str().bytes);
  const std::size_t at = position(canonicalKey(key));
  return at < items.size() ? &items[at].second : nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (items.size() <= kSmall) {
    for (const auto& [k, v] : items) {
      if (k.is(Kind::string) && k.str().bytes == key) return &v;
    }
    return nullptr;
  }
  const std::size_t at = position("s" + std::string(key));
  return at < items.size() ? &items[at].second : nullptr;
}

void Dict::set(const Value& key, Value value) {
  const std::string canonical = canonicalKey(key);
  const std::size_t at = position(canonical);
  depth = std::max(depth, std::max(key.depth(), value.depth()) + 1);
  if (at < items.size()) {
    items[at].second = std::move(value);
    return;
  }
  items.emplace_back(key, std::move(value));
  if (items.size() == kSmall + 1) {
    for (std::size_t i = 0; i < items.size(); ++i) m_index.emplace(canonicalKey(items[i].first), i);
  } else if (items.size() > kSmall) {
    m_index.emplace(canonical, items.size() - 1);
  }
}

bool isSpace(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

char32_t decodeAt(std::string_view text, std::size_t& pos) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(pos);
  std::size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
  if (length == 0 || pos + length > text.size()) {
    ++pos;
    return 0xFFFD;
  }
  char32_t c = length == 1 ? first : static_cast<char32_t>(first & (0xFF >> (length + 1)));
  for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (byte(pos + i) & 0x3F);
  pos += length;
  return c;
}

void appendUtf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

std::size_t offsetOf(std::string_view text, std::size_t codePoints) {
  std::size_t pos = 0;
  while (pos < text.size() && codePoints > 0) {
    (void)decodeAt(text, pos);
    --codePoints;
  }
  return pos;
}

std::string formatReal(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char digits[64];
  const auto done = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::scientific);
  const std::string_view scientific(digits, static_cast<std::size_t>(done.ptr - digits));
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(std::string(scientific.substr(e + 1)).c_str());
  if (exponent < -4 || exponent >= 16) {
    std::string out(scientific.substr(0, e));
    out += 'e';
    out += exponent < 0 ? '-' : '+';
    const std::string magnitude = std::to_string(std::abs(exponent));
    return out + (magnitude.size() < 2 ? "0" : "") + magnitude;
  }
  const auto fixedEnd = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed);
  std::string out(digits, fixedEnd.ptr);
  if (out.find('.') == std::string::npos) out += ".0";
  return out;
}

std::pair<std::size_t, std::size_t> stripRange(std::string_view text, const std::string_view* chars, bool left, bool right) {
  const auto strippable = [&](char32_t c) {
    if (!chars) return isSpace(c);
    for (std::size_t pos = 0; pos < chars->size();) {
      if (decodeAt(*chars, pos) == c) return true;
    }
    return false;
  };
  std::size_t begin = 0, end = text.size();
  while (left && begin < end) {
    std::size_t next = begin;
    if (!strippable(decodeAt(text, next))) break;
    begin = next;
  }
  while (right && end > begin) {
    std::size_t start = end - 1;
    while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    std::size_t pos = start;
    if (!strippable(decodeAt(text, pos))) break;
    end = start;
  }
  return {begin, end};
}

}  // namespace retort::text::jinja
