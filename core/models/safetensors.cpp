// The reader of safetensors headers: what is not exactly as the format says is refused.
#include "models/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/format.h"
#include "base/json.h"
#include "models/byte_reader.h"

namespace retort::models {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000, kMaxTensors = 1'000'000, kMaxName = 4096, kMaxRank = 8;

Error bad(std::string_view reason, std::string_view where, std::string_view place, std::string why) {
  return Error{"models.safetensors." + std::string(reason), std::string(where) + " cannot be read as safetensors", std::string(place), std::move(why),
               "Download it again", "", {}};
}

Result<std::uint64_t> unsignedOf(const Json& json, std::string_view where, std::string_view place, std::string_view what) {
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (json.is_number_integer() && json.get<std::int64_t>() >= 0) return static_cast<std::uint64_t>(json.get<std::int64_t>());
  return bad("number", where, place, std::string(what) + " must be a whole number that is not negative");
}

Result<SafeTensor> tensorFromJson(const std::string& name, const Json& json, std::string_view where) {
  const std::string place = "tensor " + shown(name);
  SafeTensor tensor;
  tensor.name = name;
  if (name.size() > kMaxName) return bad("name", where, place, "its name is longer than 4 KiB");
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets") || json.size() != 3)
    return bad("entry", where, place, "an entry must have dtype, shape and data_offsets, and nothing else");
  const Json &dtype = json["dtype"], &shape = json["shape"], &offsets = json["data_offsets"];
  if (!dtype.is_string() || safetensorsBits(dtype.get_ref<const std::string&>()) == 0)
    return bad("dtype", where, place, "its dtype " + shown(dumpJson(dtype)) + " is unknown");
  tensor.dtype = dtype.get<std::string>();
  if (!shape.is_array() || shape.size() > kMaxRank) return bad("rank", where, place, "its shape must be a list of at most 8 numbers");
  std::uint64_t bits = safetensorsBits(tensor.dtype);
  for (const Json& item : shape) {
    RETORT_TRY(const auto dim, unsignedOf(item, where, place, "a dimension"));
    if (dim > static_cast<std::uint64_t>(INT64_MAX) || !checkedMultiply(bits, dim, bits))
      return bad("overflow", where, place, "its size does not fit 64 bits");
    tensor.shape.push_back(static_cast<std::int64_t>(dim));
  }
  if (!offsets.is_array() || offsets.size() != 2) return bad("offsets", where, place, "data_offsets must be two numbers");
  RETORT_TRY(tensor.begin, unsignedOf(offsets[0], where, place, "an offset"));
  RETORT_TRY(tensor.end, unsignedOf(offsets[1], where, place, "an offset"));
  if (tensor.end < tensor.begin) return bad("offsets", where, place, "it ends before it begins");
  if (bits % 8 != 0 || tensor.end - tensor.begin != bits / 8)
    return bad("size", where, place, "its dtype and shape need " + std::to_string(bits / 8) + " bytes, its offsets give " + std::to_string(tensor.end - tensor.begin));
  return tensor;
}

Status checkLayout(std::vector<SafeTensor>& tensors, std::uint64_t dataStart, std::uint64_t fileSize, std::string_view where) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const SafeTensor& a, const SafeTensor& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  std::uint64_t running = 0;
  for (const auto& tensor : tensors) {
    const std::string place = "tensor " + shown(tensor.name);
    if (tensor.end > fileSize - dataStart)
      return bad("extent", where, place, "it ends at byte " + std::to_string(tensor.end) + " of " + std::to_string(fileSize - dataStart));
    if (tensor.begin < running) return bad("overlap", where, place, "it begins at byte " + std::to_string(tensor.begin) + ", inside the tensor before it");
    if (tensor.begin > running) return bad("gap", where, place, "there is a gap of " + std::to_string(tensor.begin - running) + " bytes before it");
    running = tensor.end;
  }
  if (running != fileSize - dataStart)
    return bad("trailing", where, "byte " + std::to_string(dataStart + running), std::to_string(fileSize - dataStart - running) + " bytes follow the last tensor");
  return {};
}

Result<std::uint64_t> headerLength(std::span<const std::byte> head, std::uint64_t fileSize, std::string_view where) {
  if (fileSize < 8 || head.size() < 8) return bad("cut", where, "byte 0", "it is only " + std::to_string(fileSize) + " bytes long");
  std::uint64_t length = 0;
  std::memcpy(&length, head.data(), 8);
  const std::string_view magic(reinterpret_cast<const char*>(head.data()), 4);
  if (magic.starts_with("PK") || magic.starts_with("\x80\x02"))
    return bad("pickle", where, "byte 0", "it is a Python pickle; opening one can run code, so Retort never does");
  if (length > kMaxHeader) return bad("header", where, "byte 0", "its header would have " + std::to_string(length) + " bytes, more than 100,000,000");
  if (length > fileSize - 8) return bad("cut", where, "byte 0", "its header of " + std::to_string(length) + " bytes does not fit the file of " + std::to_string(fileSize));
  return length;
}

}  // namespace

unsigned safetensorsBits(std::string_view dtype) {
  static constexpr std::array<std::pair<std::string_view, unsigned>, 22> kBits = {{{"F32", 32},     {"F16", 16},     {"BF16", 16},    {"F64", 64},
                                                                                  {"I64", 64},     {"I32", 32},     {"I16", 16},     {"I8", 8},
                                                                                  {"U64", 64},     {"U32", 32},     {"U16", 16},     {"U8", 8},
                                                                                  {"BOOL", 8},     {"F8_E4M3", 8},  {"F8_E5M2", 8},  {"F8_E8M0", 8},
                                                                                  {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F6_E2M3", 6}, {"F6_E3M2", 6},
                                                                                  {"F4", 4},       {"C64", 64}}};
  for (const auto& [name, bits] : kBits)
    if (name == dtype) return bits;
  return 0;
}

const SafeTensor* SafetensorsHeader::find(std::string_view name) const {
  for (const auto& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

Result<SafetensorsHeader> parseSafetensors(std::span<const std::byte> head, std::uint64_t fileSize, std::string_view where) {
  RETORT_TRY(const auto length, headerLength(head, fileSize, where));
  if (head.size() - 8 < length) return bad("cut", where, "byte 8", "its header is cut");
  const std::string_view text(reinterpret_cast<const char*>(head.data()) + 8, static_cast<std::size_t>(length));
  if (text.empty() || text.front() != '{') return bad("json", where, "byte 8", "its header does not begin with {");
  const std::size_t last = text.find_last_not_of(' ');
  if (text[last] != '}') return bad("json", where, "byte " + std::to_string(8 + last), "its header must end with } and may be padded with spaces only");
  auto parsed = parseJson(text, where, 64, true);
  if (!parsed.ok()) {
    Error error = std::move(parsed).error();
    error.detail = error.code + " " + error.detail;
    error.code = "models.safetensors.json";
    return error;
  }
  if (!parsed->is_object()) return bad("json", where, "byte 8", "its header is not an object");
  if (parsed->size() > kMaxTensors + 1) return bad("count", where, "byte 8", "it has more than 1,000,000 tensors");
  SafetensorsHeader header;
  header.dataStart = 8 + length;
  for (const auto& [name, entry] : parsed->items()) {
    if (name != "__metadata__") {
      RETORT_TRY(auto tensor, tensorFromJson(name, entry, where));
      header.tensors.push_back(std::move(tensor));
      continue;
    }
    if (!entry.is_object()) return bad("metadata", where, "__metadata__", "it must be an object of texts");
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string()) return bad("metadata", where, "__metadata__: " + shown(key), "it must be a text");
      header.metadata.emplace_back(key, value.get<std::string>());
    }
  }
  RETORT_CHECK(checkLayout(header.tensors, header.dataStart, fileSize, where));
  return header;
}

Result<SafetensorsHeader> readSafetensorsHeader(const InputFile& file) {
  const std::string where = file.path().string();
  RETORT_TRY(const auto first, file.head(8));
  RETORT_TRY(const auto length, headerLength(first, file.size(), where));
  RETORT_TRY(const auto head, file.head(8 + length));
  return parseSafetensors(head, file.size(), where);
}

}  // namespace retort::models
