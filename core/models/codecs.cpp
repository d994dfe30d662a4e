// The table of tensor types and the decoders of their blocks (layouts: reference model-files section 2).
#include "models/codecs.h"

#include <array>
#include <cstring>

#include "base/format.h"
#include "models/half.h"

namespace retort::models {
namespace {

constexpr std::array kTraits = {
    GgmlTraits{0, "F32", 1, 4, true, true},          GgmlTraits{1, "F16", 1, 2, true, true},
    GgmlTraits{2, "Q4_0", 32, 18, true, true},       GgmlTraits{3, "Q4_1", 32, 20, true, true},
    GgmlTraits{6, "Q5_0", 32, 22, true, true},       GgmlTraits{7, "Q5_1", 32, 24, true, true},
    GgmlTraits{8, "Q8_0", 32, 34, true, true},       GgmlTraits{9, "Q8_1", 32, 40, false, false},
    GgmlTraits{10, "Q2_K", 256, 84, true, true},    GgmlTraits{11, "Q3_K", 256, 110, true, true},
    GgmlTraits{12, "Q4_K", 256, 144, true, true},    GgmlTraits{13, "Q5_K", 256, 176, true, true},
    GgmlTraits{14, "Q6_K", 256, 210, true, true},    GgmlTraits{15, "Q8_K", 256, 292, false, false},
    GgmlTraits{16, "IQ2_XXS", 256, 66, false, false}, GgmlTraits{17, "IQ2_XS", 256, 74, false, false},
    GgmlTraits{18, "IQ3_XXS", 256, 98, false, false}, GgmlTraits{19, "IQ1_S", 256, 50, false, false},
    GgmlTraits{20, "IQ4_NL", 32, 18, false, false},  GgmlTraits{21, "IQ3_S", 256, 110, false, false},
    GgmlTraits{22, "IQ2_S", 256, 82, false, false},  GgmlTraits{23, "IQ4_XS", 256, 136, false, false},
    GgmlTraits{24, "I8", 1, 1, false, false},        GgmlTraits{25, "I16", 1, 2, false, false},
    GgmlTraits{26, "I32", 1, 4, false, false},       GgmlTraits{27, "I64", 1, 8, false, false},
    GgmlTraits{28, "F64", 1, 8, false, false},       GgmlTraits{29, "IQ1_M", 256, 56, false, false},
    GgmlTraits{30, "BF16", 1, 2, true, true},        GgmlTraits{34, "TQ1_0", 256, 54, false, false},
    GgmlTraits{35, "TQ2_0", 256, 66, false, false},  GgmlTraits{39, "MXFP4", 32, 17, false, false},
};

using Bytes = const std::uint8_t*;

float half(Bytes p) {
  std::uint16_t bits;
  std::memcpy(&bits, p, 2);
  return floatFromF16(bits);
}

/// The 32-blocks with nibbles: value = (q - offset) * d + m, with a fifth bit where there is one.
template <bool fifth, bool minimum>
void nibbles32(Bytes p, float* out) {
  const float d = half(p);
  const float m = minimum ? half(p + 2) : 0.0F;
  Bytes rest = p + (minimum ? 4 : 2);
  std::uint32_t high = 0;
  if constexpr (fifth) {
    std::memcpy(&high, rest, 4);
    rest += 4;
  }
  constexpr int offset = minimum ? 0 : (fifth ? 16 : 8);
  for (int j = 0; j < 16; ++j) {
    int low = rest[j] & 15, top = rest[j] >> 4;
    if constexpr (fifth) {
      low |= static_cast<int>((high >> j) & 1u) << 4;
      top |= static_cast<int>((high >> (j + 16)) & 1u) << 4;
    }
    if constexpr (minimum) {
      out[j] = static_cast<float>(low) * d + m;
      out[j + 16] = static_cast<float>(top) * d + m;
    } else {
      out[j] = static_cast<float>(low - offset) * d;
      out[j + 16] = static_cast<float>(top - offset) * d;
    }
  }
}

void q8Block(Bytes p, float* out) {
  const float d = half(p);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(static_cast<std::int8_t>(p[2 + j])) * d;
}

void q2Block(Bytes p, float* out) {
  Bytes scales = p, quants = p + 16;
  const float d = half(p + 80), dmin = half(p + 82);
  // Two halves of 128 values; in each, four 2-bit planes of 32 values, a scale for every 16.
  for (int group = 0; group < 16; ++group) {
    const int planes = group / 8, plane = (group % 8) / 2, side = group % 2;
    const float dl = d * static_cast<float>(scales[group] & 15), ml = dmin * static_cast<float>(scales[group] >> 4);
    for (int j = 0; j < 16; ++j) {
      const int q = (quants[planes * 32 + side * 16 + j] >> (2 * plane)) & 3;
      out[group * 16 + j] = dl * static_cast<float>(q) - ml;
    }
  }
}

void q3Block(Bytes p, float* out) {
  Bytes mask = p, quants = p + 32, packed = p + 96;
  const float d = half(p + 108);
  for (int group = 0; group < 16; ++group) {
    const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4;
    const int high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
    const float scale = d * static_cast<float>((low | (high << 4)) - 32);
    const int planes = group / 8, plane = (group % 8) / 2, side = group % 2;
    for (int j = 0; j < 16; ++j) {
      const int byte = side * 16 + j;
      const int q = (quants[planes * 32 + byte] >> (2 * plane)) & 3;
      const bool set = (mask[byte] >> (planes * 4 + plane)) & 1;
      out[group * 16 + j] = scale * static_cast<float>(set ? q : q - 4);
    }
  }
}

void scaleAndMin(Bytes s, int j, float d, float dmin, float& scale, float& minimum) {
  const int sc = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4);
  const int mn = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | ((s[j] >> 6) << 4);
  scale = d * static_cast<float>(sc);
  minimum = dmin * static_cast<float>(mn);
}

template <bool fifth>
void q45Block(Bytes p, float* out) {
  const float d = half(p), dmin = half(p + 2);
  Bytes scales = p + 4, high = p + 16, quants = fifth ? p + 48 : p + 16;
  for (int j = 0; j < 8; ++j) {
    float scale = 0, minimum = 0;
    scaleAndMin(scales, j, d, dmin, scale, minimum);
    for (int i = 0; i < 32; ++i) {
      const std::uint8_t byte = quants[(j / 2) * 32 + i];
      int q = j % 2 == 0 ? byte & 15 : byte >> 4;
      if constexpr (fifth) q |= ((high[i] >> j) & 1) << 4;
      out[j * 32 + i] = scale * static_cast<float>(q) - minimum;
    }
  }
}

void q6Block(Bytes p, float* out) {
  Bytes low = p, high = p + 128, scales = p + 192;
  const float d = half(p + 208);
  for (int i = 0; i < 256; ++i) {
    const int halfBlock = i / 128, within = i % 128, plane = within / 32, lane = within % 32;
    const std::uint8_t byte = low[halfBlock * 64 + (plane % 2) * 32 + lane];
    const int nibble = plane < 2 ? byte & 15 : byte >> 4;
    const int top = (high[halfBlock * 32 + lane] >> (2 * plane)) & 3;
    const float scale = d * static_cast<float>(static_cast<std::int8_t>(scales[i / 16]));
    out[i] = scale * static_cast<float>((nibble | (top << 4)) - 32);
  }
}

void decodeBlock(GgmlType type, Bytes p, float* out) {
  switch (type) {
    case GgmlType::f32: std::memcpy(out, p, 4); return;
    case GgmlType::f16: *out = half(p); return;
    case GgmlType::bf16: *out = floatFromBf16(static_cast<std::uint16_t>(p[0] | (p[1] << 8))); return;
    case GgmlType::q4_0: nibbles32<false, false>(p, out); return;
    case GgmlType::q4_1: nibbles32<false, true>(p, out); return;
    case GgmlType::q5_0: nibbles32<true, false>(p, out); return;
    case GgmlType::q5_1: nibbles32<true, true>(p, out); return;
    case GgmlType::q8_0: q8Block(p, out); return;
    case GgmlType::q2_k: q2Block(p, out); return;
    case GgmlType::q3_k: q3Block(p, out); return;
    case GgmlType::q4_k: q45Block<false>(p, out); return;
    case GgmlType::q5_k: q45Block<true>(p, out); return;
    case GgmlType::q6_k: q6Block(p, out); return;
  }
}

}  // namespace

const GgmlTraits* ggmlTraits(std::uint32_t id) {
  for (const auto& traits : kTraits)
    if (traits.id == id) return &traits;
  return nullptr;
}

std::optional<GgmlType> ggmlTypeFromName(std::string_view name) {
  const std::string wanted = lowerAscii(name);
  for (const auto& traits : kTraits)
    if (traits.decodes && lowerAscii(traits.name) == wanted) return static_cast<GgmlType>(traits.id);
  return std::nullopt;
}

Status dequantise(GgmlType type, std::span<const std::byte> blocks, std::span<float> out) {
  const GgmlTraits& traits = ggmlTraits(type);
  if (out.size() % traits.elements != 0 || blocks.size() != out.size() / traits.elements * traits.bytes)
    return Error{"models.codec.size", "a tensor of type " + std::string(traits.name) + " cannot be read", "",
                 std::to_string(out.size()) + " values do not fit " + std::to_string(blocks.size()) + " bytes", "Download the file again", "", {}};
  const auto* bytes = reinterpret_cast<Bytes>(blocks.data());
  if (type == GgmlType::f32) {
    if (!out.empty()) std::memcpy(out.data(), bytes, blocks.size());
    return {};
  }
  const std::size_t count = out.size() / traits.elements;
  for (std::size_t i = 0; i < count; ++i) decodeBlock(type, bytes + i * traits.bytes, out.data() + i * traits.elements);
  return {};
}

}  // namespace retort::models
