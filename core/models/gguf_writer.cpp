// The writer of GGUF files.
#include "models/gguf_writer.h"

#include <cstring>

#include "models/output_file.h"

namespace retort::models {
namespace {

constexpr std::uint64_t kAlignment = 32;

template <typename T>
void put(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

void putText(std::string& out, std::string_view text) {
  put<std::uint64_t>(out, text.size());
  out.append(text);
}

std::uint64_t padded(std::uint64_t n) { return (n + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void GgufWriter::key(std::string_view name, std::uint32_t kind) {
  putText(m_metadata, name);
  put(m_metadata, kind);
  ++m_keys;
}

void GgufWriter::text(std::string_view name, std::string_view value) { key(name, 8), putText(m_metadata, value); }
void GgufWriter::u32(std::string_view name, std::uint32_t value) { key(name, 4), put(m_metadata, value); }
void GgufWriter::f32(std::string_view name, float value) { key(name, 6), put(m_metadata, value); }
void GgufWriter::boolean(std::string_view name, bool value) { key(name, 7), put<std::uint8_t>(m_metadata, value ? 1 : 0); }

void GgufWriter::texts(std::string_view name, const std::vector<std::string>& values) {
  key(name, 9);
  put<std::uint32_t>(m_metadata, 8);
  put<std::uint64_t>(m_metadata, values.size());
  for (const auto& value : values) putText(m_metadata, value);
}

void GgufWriter::i32s(std::string_view name, const std::vector<std::int32_t>& values) {
  key(name, 9);
  put<std::uint32_t>(m_metadata, 5);
  put<std::uint64_t>(m_metadata, values.size());
  for (const auto value : values) put(m_metadata, value);
}

void GgufWriter::f32s(std::string_view name, const std::vector<float>& values) {
  key(name, 9);
  put<std::uint32_t>(m_metadata, 6);
  put<std::uint64_t>(m_metadata, values.size());
  for (const auto value : values) put(m_metadata, value);
}

void GgufWriter::tensor(std::string name, const std::vector<std::int64_t>& shape, GgmlType type, std::function<Status(std::span<std::byte>)> fill) {
  std::uint64_t elements = 1;
  for (const auto dim : shape) elements *= static_cast<std::uint64_t>(dim);
  const GgmlTraits& traits = ggmlTraits(type);
  m_tensors.push_back({std::move(name), shape, type, std::move(fill), elements / traits.elements * traits.bytes});
}

std::string GgufWriter::header() const {
  std::string out = "GGUF";
  put<std::uint32_t>(out, 3);
  put<std::uint64_t>(out, m_tensors.size());
  put<std::uint64_t>(out, m_keys);
  out += m_metadata;
  std::uint64_t offset = 0;
  for (const auto& tensor : m_tensors) {
    putText(out, tensor.name);
    put(out, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto dim = tensor.shape.rbegin(); dim != tensor.shape.rend(); ++dim) put<std::int64_t>(out, *dim);
    put(out, static_cast<std::uint32_t>(tensor.type));
    put(out, offset);
    offset += padded(tensor.bytes);
  }
  out.append(padded(out.size()) - out.size(), '\0');
  return out;
}

std::uint64_t GgufWriter::fileSize() const {
  std::uint64_t total = header().size();
  for (const auto& tensor : m_tensors) total += padded(tensor.bytes);
  return total;
}

Status GgufWriter::write(const std::filesystem::path& path, const std::function<Status(std::uint64_t)>& written) const {
  for (const auto& tensor : m_tensors) {
    const GgmlTraits& traits = ggmlTraits(tensor.type);
    if (tensor.shape.empty() || tensor.shape.back() % traits.elements != 0 || tensor.name.size() >= 64)
      return Error{"models.gguf.row", path.string() + " cannot be written", "tensor " + tensor.name,
                   "its rows are no whole number of " + std::string(traits.name) + " blocks", "Choose another type", "", {}};
  }
  RETORT_TRY(auto file, OutputFile::create(path));
  const std::string head = header();
  RETORT_CHECK(file.write(std::as_bytes(std::span(head))));
  std::uint64_t done = head.size();
  std::vector<std::byte> buffer;
  for (const auto& tensor : m_tensors) {
    buffer.assign(static_cast<std::size_t>(padded(tensor.bytes)), std::byte{0});
    RETORT_CHECK(tensor.fill(std::span(buffer).first(static_cast<std::size_t>(tensor.bytes))));
    RETORT_CHECK(file.write(buffer));
    done += buffer.size();
    if (written) RETORT_CHECK(written(done));
  }
  return file.commit();
}

}  // namespace retort::models
