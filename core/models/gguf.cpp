// The parser of GGUF headers. Counts are checked against the bytes left before anything is allocated; sums are checked.
#include "models/gguf.h"

#include <bit>
#include <cstring>
#include <unordered_set>

#include "models/byte_reader.h"

namespace retort::models {
namespace {

constexpr std::uint64_t kMaxString = 1u << 30, kMaxArray = 1u << 30;

/// Smallest size in a file of one value of a kind; 0 for an unknown kind.
std::uint64_t kindBytes(std::uint32_t kind) {
  switch (static_cast<GgufKind>(kind)) {
    case GgufKind::u8: case GgufKind::i8: case GgufKind::boolean: return 1;
    case GgufKind::u16: case GgufKind::i16: return 2;
    case GgufKind::u32: case GgufKind::i32: case GgufKind::f32: return 4;
    case GgufKind::u64: case GgufKind::i64: case GgufKind::f64: case GgufKind::string: return 8;
    case GgufKind::array: return 12;
  }
  return 0;
}

class Parser {
 public:
  Parser(std::span<const std::byte> head, std::uint64_t size, std::string_view where) : m_reader(head, size), m_size(size), m_where(where) {}
  Result<GgufHeader> run();

 private:
  Error bad(std::string_view reason, std::string_view place, std::string why) const {
    return Error{"models.gguf." + std::string(reason), m_where + " cannot be read as GGUF", std::string(place), std::move(why), "Download it again", "", {}};
  }
  /// The error of a read that failed.
  Error shortRead(std::string_view place) const {
    if (m_reader.needsMore()) return Error{"models.gguf.window", m_where + ": more of the file is needed", std::string(place), "", "", "", {}};
    return bad("cut", place, "the file ends after " + std::to_string(m_size) + " bytes, inside its header");
  }
  Status string(std::string& out, std::string_view place, std::uint64_t limit = kMaxString);
  template <typename T, typename As>
  Status scalar(GgufValue& out, std::string_view place);
  Status boolean(bool& out, std::string_view place);
  Status value(GgufValue& out, std::uint32_t kind, std::string_view place);
  Status arrayValue(GgufValue& out, std::string_view place);
  Status magic();
  Status metadata(std::uint64_t count);
  Status tensorTable(std::uint64_t count);
  Status oneTensor(GgufTensor& tensor, std::string_view place);
  Status extents();

  ByteReader m_reader;
  std::uint64_t m_size;
  std::string m_where;
  GgufHeader m_header;
};

Status Parser::string(std::string& out, std::string_view place, std::uint64_t limit) {
  std::uint64_t length = 0;
  if (!m_reader.value(length)) return shortRead(place);
  if (length > kMaxString) return bad("string", place, "a text of " + std::to_string(length) + " bytes is longer than 1 GiB");
  if (length > m_reader.left())
    return bad("string", place, "a text of " + std::to_string(length) + " bytes does not fit the " + std::to_string(m_reader.left()) + " bytes left");
  if (length > limit) return bad("string", place, "a text of " + std::to_string(length) + " bytes is longer than " + std::to_string(limit));
  std::span<const std::byte> raw;
  if (!m_reader.bytes(length, raw)) return shortRead(place);
  out.assign(reinterpret_cast<const char*>(raw.data()), raw.size());
  return {};
}

template <typename T, typename As>
Status Parser::scalar(GgufValue& out, std::string_view place) {
  T read{};
  if (!m_reader.value(read)) return shortRead(place);
  out.value = static_cast<As>(read);
  return {};
}

Status Parser::boolean(bool& out, std::string_view place) {
  std::uint8_t byte = 0;
  if (!m_reader.value(byte)) return shortRead(place);
  if (byte > 1) return bad("bool", place, "a truth value is " + std::to_string(byte) + ", not 0 or 1");
  out = byte == 1;
  return {};
}

Status Parser::value(GgufValue& out, std::uint32_t kind, std::string_view place) {
  if (kindBytes(kind) == 0) return bad("kind", place, "value type " + std::to_string(kind) + " is not one of 0 to 12");
  out.kind = static_cast<GgufKind>(kind);
  switch (out.kind) {
    case GgufKind::u8: return scalar<std::uint8_t, std::uint64_t>(out, place);
    case GgufKind::i8: return scalar<std::int8_t, std::int64_t>(out, place);
    case GgufKind::u16: return scalar<std::uint16_t, std::uint64_t>(out, place);
    case GgufKind::i16: return scalar<std::int16_t, std::int64_t>(out, place);
    case GgufKind::u32: return scalar<std::uint32_t, std::uint64_t>(out, place);
    case GgufKind::i32: return scalar<std::int32_t, std::int64_t>(out, place);
    case GgufKind::f32: return scalar<float, double>(out, place);
    case GgufKind::u64: return scalar<std::uint64_t, std::uint64_t>(out, place);
    case GgufKind::i64: return scalar<std::int64_t, std::int64_t>(out, place);
    case GgufKind::f64: return scalar<double, double>(out, place);
    case GgufKind::boolean: {
      bool flag = false;
      RETORT_CHECK(boolean(flag, place));
      out.value = flag;
      return {};
    }
    case GgufKind::string: {
      std::string text;
      RETORT_CHECK(string(text, place));
      out.value = std::move(text);
      return {};
    }
    case GgufKind::array: return arrayValue(out, place);
  }
  return {};
}

Status Parser::arrayValue(GgufValue& out, std::string_view place) {
  std::uint32_t kind = 0;
  std::uint64_t count = 0, total = 0;
  if (!m_reader.value(kind) || !m_reader.value(count)) return shortRead(place);
  if (kindBytes(kind) == 0) return bad("kind", place, "element type " + std::to_string(kind) + " is not one of 0 to 12");
  if (kind == static_cast<std::uint32_t>(GgufKind::array)) return bad("nested", place, "an array of arrays is not allowed");
  if (count > kMaxArray || !checkedMultiply(count, kindBytes(kind), total) || total > m_reader.left())
    return bad("array", place, "an array of " + std::to_string(count) + " elements does not fit the " + std::to_string(m_reader.left()) + " bytes left");
  GgufArray array;
  array.element = static_cast<GgufKind>(kind);
  array.count = static_cast<std::size_t>(count);
  if (array.element == GgufKind::string) {
    // Not reserved by `count`: the vector grows with what is really there.
    for (std::uint64_t i = 0; i < count; ++i) RETORT_CHECK(string(array.strings.emplace_back(), place));
  } else {
    std::span<const std::byte> raw;
    if (!m_reader.bytes(total, raw)) return shortRead(place);
    array.raw.assign(raw.begin(), raw.end());
  }
  out.value = std::move(array);
  return {};
}

Status Parser::magic() {
  std::span<const std::byte> raw;
  if (m_size < 4) return bad("magic", "byte 0", "it is only " + std::to_string(m_size) + " bytes long");
  if (!m_reader.bytes(4, raw)) return shortRead("byte 0");
  const std::string_view magic(reinterpret_cast<const char*>(raw.data()), 4);
  if (magic != "GGUF") {
    Error error = bad("magic", "byte 0", "it does not begin with GGUF");
    if (magic.starts_with("PK")) error.why = "it begins like a ZIP archive (or a Python pickle in one)", error.next = "Unpack it and choose the file inside";
    else if (magic == "GGML" || magic == "lmgg" || magic == "tjgg" || magic == "fmgg")
      error.why = "it is in the GGML format that came before GGUF", error.next = "Get the model as GGUF or as a Hugging Face folder";
    else if (magic == "FUGG") error.why = "it is byte-swapped (big-endian)", error.next = "Get the little-endian file";
    return error;
  }
  if (!m_reader.value(m_header.version)) return shortRead("version");
  if (m_header.version == 3) return {};
  if ((m_header.version & 0xffffu) == 0 && m_header.version != 0)
    return bad("swapped", "version", "it is byte-swapped (big-endian); only little-endian files are read");
  return bad("version", "version", "it is GGUF version " + std::to_string(m_header.version) + ", and only version 3 is read");
}

Status Parser::metadata(std::uint64_t count) {
  std::unordered_set<std::string> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::string key;
    const std::string place = "key " + std::to_string(i);
    RETORT_CHECK(string(key, place, 65535));
    if (key.empty()) return bad("key", place, "its name is empty");
    if (!seen.insert(key).second) return bad("key", place, "key " + shown(key) + " appears twice");
    std::uint32_t kind = 0;
    if (!m_reader.value(kind)) return shortRead(place);
    GgufValue item;
    RETORT_CHECK(value(item, kind, "key " + shown(key)));
    m_header.metadata.emplace_back(std::move(key), std::move(item));
  }
  if (const GgufValue* alignment = m_header.find("general.alignment")) {
    const auto* number = std::get_if<std::uint64_t>(&alignment->value);
    if (alignment->kind != GgufKind::u32 || number == nullptr || !std::has_single_bit(*number))
      return bad("alignment", "general.alignment", "it must be a power of two, stored as u32");
    m_header.alignment = static_cast<std::uint32_t>(*number);
  }
  if (const GgufArray* tokens = m_header.array("tokenizer.ggml.tokens"))
    for (std::size_t i = 0; i < tokens->strings.size(); ++i)
      if (tokens->strings[i].size() > 65536) return bad("token", "tokenizer.ggml.tokens", "token " + std::to_string(i) + " is longer than 64 KiB");
  return {};
}

Status Parser::oneTensor(GgufTensor& tensor, std::string_view place) {
  RETORT_CHECK(string(tensor.name, place));
  if (tensor.name.empty() || tensor.name.size() >= 64) return bad("tensor", place, "its name must have 1 to 63 bytes");
  const std::string named = "tensor " + shown(tensor.name);
  std::uint32_t rank = 0;
  if (!m_reader.value(rank)) return shortRead(named);
  if (rank > 4) return bad("rank", named, "it has " + std::to_string(rank) + " dimensions, more than 4");
  std::uint64_t elements = 1;
  for (std::uint32_t d = 0; d < rank; ++d) {
    std::int64_t dim = 0;
    if (!m_reader.value(dim)) return shortRead(named);
    if (dim < 0) return bad("dimension", named, "dimension " + std::to_string(d) + " is negative");
    if (!checkedMultiply(elements, static_cast<std::uint64_t>(dim), elements) || elements > static_cast<std::uint64_t>(INT64_MAX))
      return bad("overflow", named, "its number of elements does not fit 63 bits");
    tensor.dims.push_back(dim);
  }
  tensor.elements = elements;
  if (!m_reader.value(tensor.type) || !m_reader.value(tensor.offset)) return shortRead(named);
  if (tensor.type > 0xffff) return bad("type", named, "its type number " + std::to_string(static_cast<std::int32_t>(tensor.type)) + " is forged");
  tensor.traits = ggmlTraits(tensor.type);
  if (tensor.traits == nullptr) return {};
  const std::uint64_t row = tensor.dims.empty() ? 1 : static_cast<std::uint64_t>(tensor.dims[0]);
  if (row % tensor.traits->elements != 0)
    return bad("block", named, "its rows of " + std::to_string(row) + " values are no multiple of the " + std::string(tensor.traits->name) + " block of " +
                                   std::to_string(tensor.traits->elements));
  if (!checkedMultiply(elements / tensor.traits->elements, tensor.traits->bytes, tensor.bytes)) return bad("overflow", named, "its size in bytes does not fit 64 bits");
  return {};
}

Status Parser::tensorTable(std::uint64_t count) {
  std::unordered_set<std::string> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    GgufTensor tensor;
    RETORT_CHECK(oneTensor(tensor, "tensor " + std::to_string(i)));
    if (!seen.insert(tensor.name).second) return bad("tensor", "tensor " + shown(tensor.name), "it appears twice");
    m_header.tensors.push_back(std::move(tensor));
  }
  return {};
}

/// Every tensor begins where the one before, padded, ends; all lie inside the file.
Status Parser::extents() {
  const std::uint64_t a = m_header.alignment;
  const auto padded = [a](std::uint64_t n, std::uint64_t& out) { return checkedAdd(n, a - 1, out) && (out &= ~(a - 1), true); };
  if (!padded(m_reader.at(), m_header.dataOffset)) return bad("overflow", "data section", "its place does not fit 64 bits");
  if (m_header.tensors.empty()) return {};   // a vocabulary file ends before the padding
  std::uint64_t running = 0;
  bool known = true;
  for (std::size_t i = 0; i < m_header.tensors.size(); ++i) {
    const GgufTensor& tensor = m_header.tensors[i];
    const std::string named = "tensor " + shown(tensor.name);
    // After a tensor of an unknown type only the order can be checked.
    if (known ? tensor.offset != running : (tensor.offset < running || tensor.offset % a != 0))
      return bad("offset", named, "it begins at byte " + std::to_string(tensor.offset) + " of the data section, not at " + std::to_string(running));
    std::uint64_t end = 0, absolute = 0;
    if (!checkedAdd(tensor.offset, tensor.bytes, end) || !checkedAdd(m_header.dataOffset, end, absolute))
      return bad("overflow", named, "its end does not fit 64 bits");
    if (absolute > m_size)
      return bad("extent", named, "it ends at byte " + std::to_string(absolute) + " of a file of " + std::to_string(m_size));
    if (!padded(end, running)) return bad("overflow", named, "its end does not fit 64 bits");
    known = tensor.traits != nullptr;
  }
  return {};
}

Result<GgufHeader> Parser::run() {
  RETORT_CHECK(magic());
  std::int64_t tensors = 0, keys = 0;
  if (!m_reader.value(tensors) || !m_reader.value(keys)) return shortRead("counts");
  // Smallest entries: a tensor is 8 + 1 + 4 + 4 + 8 bytes, a key 8 + 1 + 4 + 1.
  if (tensors < 0 || static_cast<std::uint64_t>(tensors) > m_reader.left() / 25)
    return bad("count", "byte 8", std::to_string(tensors) + " tensors do not fit the " + std::to_string(m_reader.left()) + " bytes left");
  if (keys < 0 || static_cast<std::uint64_t>(keys) > m_reader.left() / 14)
    return bad("count", "byte 16", std::to_string(keys) + " keys do not fit the " + std::to_string(m_reader.left()) + " bytes left");
  RETORT_CHECK(metadata(static_cast<std::uint64_t>(keys)));
  RETORT_CHECK(tensorTable(static_cast<std::uint64_t>(tensors)));
  RETORT_CHECK(extents());
  return std::move(m_header);
}

}  // namespace

double GgufArray::number(std::size_t i) const {
  const auto read = [&]<typename T>(T item) {
    std::memcpy(&item, raw.data() + i * sizeof(T), sizeof(T));
    return static_cast<double>(item);
  };
  switch (element) {
    case GgufKind::u8: case GgufKind::boolean: return read(std::uint8_t{});
    case GgufKind::i8: return read(std::int8_t{});
    case GgufKind::u16: return read(std::uint16_t{});
    case GgufKind::i16: return read(std::int16_t{});
    case GgufKind::u32: return read(std::uint32_t{});
    case GgufKind::i32: return read(std::int32_t{});
    case GgufKind::f32: return read(float{});
    case GgufKind::u64: return read(std::uint64_t{});
    case GgufKind::i64: return read(std::int64_t{});
    case GgufKind::f64: return read(double{});
    case GgufKind::string: case GgufKind::array: break;
  }
  return 0;
}

const GgufValue* GgufHeader::find(std::string_view key) const {
  for (const auto& [name, value] : metadata)
    if (name == key) return &value;
  return nullptr;
}

std::optional<std::string> GgufHeader::text(std::string_view key) const {
  const GgufValue* value = find(key);
  const auto* text = value != nullptr ? std::get_if<std::string>(&value->value) : nullptr;
  return text != nullptr ? std::optional(*text) : std::nullopt;
}

std::optional<std::int64_t> GgufHeader::integer(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(&value->value)) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&value->value); number != nullptr && *number <= static_cast<std::uint64_t>(INT64_MAX))
    return static_cast<std::int64_t>(*number);
  return std::nullopt;
}

std::optional<double> GgufHeader::number(std::string_view key) const {
  const GgufValue* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = std::get_if<double>(&value->value)) return *number;
  if (const auto whole = integer(key)) return static_cast<double>(*whole);
  return std::nullopt;
}

std::optional<bool> GgufHeader::boolean(std::string_view key) const {
  const GgufValue* value = find(key);
  const auto* flag = value != nullptr ? std::get_if<bool>(&value->value) : nullptr;
  return flag != nullptr ? std::optional(*flag) : std::nullopt;
}

const GgufArray* GgufHeader::array(std::string_view key) const {
  const GgufValue* value = find(key);
  return value != nullptr ? std::get_if<GgufArray>(&value->value) : nullptr;
}

const GgufTensor* GgufHeader::tensor(std::string_view name) const {
  for (const auto& item : tensors)
    if (item.name == name) return &item;
  return nullptr;
}

Result<GgufHeader> readGgufHeader(const InputFile& file) {
  for (std::uint64_t window = 4u << 20;; window *= 4) {
    RETORT_TRY(const auto head, file.head(window));
    auto header = parseGguf(head, file.size(), file.path().string());
    if (header.ok() || header.error().code != "models.gguf.window" || head.size() >= file.size()) return header;
  }
}

Result<GgufHeader> parseGguf(std::span<const std::byte> head, std::uint64_t fileSize, std::string_view where) {
  return Parser(head, fileSize, where).run();
}

}  // namespace retort::models
