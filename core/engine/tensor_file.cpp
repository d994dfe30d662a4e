// Tensors to and from safetensors files.
#include "engine/tensor_file.h"

#include <array>
#include <cstring>
#include <utility>

#include "engine/tensor_more.h"

namespace retort::engine {
namespace {

constexpr std::array<std::pair<at::ScalarType, const char*>, 8> kTypes = {{{at::kFloat, "F32"}, {at::kBFloat16, "BF16"}, {at::kHalf, "F16"},
                                                                          {at::kDouble, "F64"}, {at::kLong, "I64"}, {at::kInt, "I32"},
                                                                          {at::kByte, "U8"}, {at::kBool, "BOOL"}}};

}  // namespace

std::string safetensorsName(at::ScalarType type) {
  for (const auto& [t, name] : kTypes)
    if (t == type) return name;
  return {};
}

std::vector<models::TensorToWrite> tensorsToWrite(std::vector<NamedHostTensor> tensors) {
  std::vector<models::TensorToWrite> out;
  for (auto& t : tensors) {
    models::TensorToWrite w;
    w.name = t.name;
    w.dtype = safetensorsName(t.tensor.scalar_type());
    w.shape = t.tensor.sizes().vec();
    w.fill = [tensor = t.tensor.contiguous()](std::span<std::byte> bytes) -> Status {
      if (bytes.size() != tensor.nbytes())
        return Error{"engine.tensor.size", "A tensor cannot be written", {}, "its size is not the file's", {}, {}, {}};
      if (!bytes.empty()) std::memcpy(bytes.data(), tensor.data_ptr(), bytes.size());
      return {};
    };
    out.push_back(std::move(w));
  }
  return out;
}

Result<std::vector<NamedHostTensor>> readTensorFile(const std::filesystem::path& path) {
  RETORT_TRY(const auto file, models::InputFile::open(path));
  RETORT_TRY(const models::SafetensorsHeader header, models::readSafetensorsHeader(*file));
  std::vector<NamedHostTensor> tensors;
  for (const auto& t : header.tensors) {
    const at::ScalarType* type = nullptr;
    for (const auto& [candidate, name] : kTypes)
      if (t.dtype == name) type = &candidate;
    if (!type) return Error{"engine.tensor.dtype", "A tensor cannot be read", path.string() + ": " + t.name, "its type is " + shown(t.dtype), {}, {}, {}};
    at::Tensor tensor = at::empty(t.shape, *type);
    if (tensor.nbytes() != t.end - t.begin)
      return Error{"engine.tensor.size", "A tensor cannot be read", path.string() + ": " + t.name, "its bytes do not fit its shape", {}, {}, {}};
    if (tensor.nbytes() > 0)
      RETORT_CHECK(file->read(header.dataStart + t.begin, std::span(static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes())));
    tensors.push_back({t.name, std::move(tensor)});
  }
  return tensors;
}

}  // namespace retort::engine
