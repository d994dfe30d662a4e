// TFRecords and the few fields of TensorBoard's Event message that scalars and texts need.
#include "run/tensorboard.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cmath>

#include "base/files.h"

namespace retort::run {
namespace {

// Protocol buffers' wire: a key is field * 8 + type (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes).
void varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  out += static_cast<char>(value);
}
void fixed(std::string& out, std::uint64_t bits, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>((bits >> (8 * i)) & 0xff);
}
void key(std::string& out, int field, int type) { varint(out, static_cast<std::uint64_t>(field * 8 + type)); }
void bytesField(std::string& out, int field, std::string_view bytes) {
  key(out, field, 2);
  varint(out, bytes.size());
  out += bytes;
}
void intField(std::string& out, int field, std::int64_t value) {
  key(out, field, 0);
  varint(out, static_cast<std::uint64_t>(value));
}
void doubleField(std::string& out, int field, double value) {
  key(out, field, 1);
  fixed(out, std::bit_cast<std::uint64_t>(value), 8);
}
void floatField(std::string& out, int field, float value) {
  key(out, field, 5);
  fixed(out, std::bit_cast<std::uint32_t>(value), 4);
}

/// Event { wall_time = 1, step = 2, file_version = 3 | summary = 5 { value = 1 } }
std::string eventOf(double wallTime, std::int64_t step, std::string_view value) {
  std::string summary, event;
  bytesField(summary, 1, value);
  doubleField(event, 1, wallTime);
  intField(event, 2, step);
  bytesField(event, 5, summary);
  return event;
}

constexpr std::array<std::uint32_t, 256> table() {
  std::array<std::uint32_t, 256> t{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t c = i;
    for (int k = 0; k < 8; ++k) c = (c & 1) != 0 ? (c >> 1) ^ 0x82f63b78u : c >> 1;
    t[i] = c;
  }
  return t;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = table();
  std::uint32_t crc = 0xffffffffu;
  for (const char b : bytes) crc = kTable[(crc ^ static_cast<unsigned char>(b)) & 0xff] ^ (crc >> 8);
  return crc ^ 0xffffffffu;
}

std::uint32_t maskedCrc32c(std::string_view bytes) { return std::rotr(crc32c(bytes), 15) + 0xa282ead8u; }

std::string tfRecord(std::string_view data) {
  std::string out, length;
  fixed(length, data.size(), 8);
  out += length;
  fixed(out, maskedCrc32c(length), 4);
  out += data;
  fixed(out, maskedCrc32c(data), 4);
  return out;
}

Result<TensorboardWriter> TensorboardWriter::begin(const std::filesystem::path& folder, double wallTime) {
  RETORT_CHECK(makeFolders(folder));
  const fs::path file = folder / ("events.out.tfevents." + std::to_string(static_cast<std::int64_t>(wallTime)) + ".retort");
  std::FILE* out = std::fopen(file.c_str(), "wb");
  if (!out) return systemError("run.tensorboard.open", "written", file.string(), errno);
  TensorboardWriter writer(file, out);
  std::string event;
  doubleField(event, 1, wallTime);
  bytesField(event, 3, "brain.Event:2");
  RETORT_CHECK(writer.write(event));
  return writer;
}

Status TensorboardWriter::write(const std::string& event) {
  const std::string record = tfRecord(event);
  if (std::fwrite(record.data(), 1, record.size(), m_out.get()) == record.size()) return {};
  return systemError("run.tensorboard.write", "written", m_file.string(), errno);
}

Status TensorboardWriter::flush() { return std::fflush(m_out.get()) == 0 ? Status{} : Status{systemError("run.tensorboard.write", "written", m_file.string(), errno)}; }

/// Value { tag = 1, simple_value = 2 }
Status TensorboardWriter::scalar(const std::string& tag, std::int64_t step, double wallTime, double number) {
  std::string value;
  bytesField(value, 1, tag);
  floatField(value, 2, static_cast<float>(number));
  return write(eventOf(wallTime, step, value));
}

/// Value { tag = 1, tensor = 8 { dtype = 1: string (7), shape = 2 { dim = 2 { size = 1 } }, string_val = 8 }, metadata = 9 { plugin = 1 { name = 1 } } }
Status TensorboardWriter::text(const std::string& tag, double wallTime, const std::string& text) {
  std::string dim, shape, tensor, plugin, metadata, value;
  intField(dim, 1, 1);
  bytesField(shape, 2, dim);
  intField(tensor, 1, 7);
  bytesField(tensor, 2, shape);
  bytesField(tensor, 8, text);
  bytesField(plugin, 1, "text");
  bytesField(metadata, 1, plugin);
  bytesField(value, 1, tag + "/text_summary");
  bytesField(value, 8, tensor);
  bytesField(value, 9, metadata);
  return write(eventOf(wallTime, 0, value));
}

Status TensorboardWriter::add(const job::Event& event) {
  if ((event.type != "metric" && event.type != "eval") || !event.body.contains("step")) return {};
  const auto step = static_cast<std::int64_t>(numberOf(event.body["step"], 0));
  const double wall = static_cast<double>(event.ts) / 1000;
  for (const auto& [name, value] : event.body.items()) {
    if (name == "seq" || name == "attempt" || name == "ts" || name == "t" || name == "type" || name == "step") continue;
    const bool special = value.is_string() && (value == "nan" || value == "inf" || value == "-inf");
    if (value.is_number() || special) RETORT_CHECK(scalar((event.type == "eval" ? "validation/" : "training/") + name, step, wall, numberOf(value, std::nan(""))));
  }
  return {};
}

}  // namespace retort::run
