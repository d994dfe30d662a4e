// A tiny random model as a Hugging Face folder, and datasets for it, for the tests of training.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "engine/decoder.h"
#include "engine/tensor_file.h"
#include "job/row.h"
#include "models/hf_writer.h"
#include "text/chat_template.h"

namespace retort::tests {

inline models::DecoderConfig tinyConfig() {
  models::DecoderConfig c;
  c.family = "llama";
  c.vocab = 320, c.hidden = 64, c.layers = 2, c.heads = 4, c.kvHeads = 2, c.headDim = 16, c.ffn = 128, c.context = 512;
  c.tiedEmbeddings = true;
  c.bosId = 1, c.padId = 0, c.eosIds = {2};
  return c;
}

/// A tokenizer.json of single bytes and three special tokens.
inline std::string byteTokenizer() {
  // GPT-2's alphabet: printable bytes stand for themselves, the others for the code points from 256.
  Json vocabulary = Json::object(), added = Json::array();
  int id = 0;
  for (const char* special : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"}) {
    vocabulary[special] = id;
    added.push_back({{"id", id++}, {"content", special}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}, {"special", true}});
  }
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    const int point = isPrintable ? byte : next++;
    std::string text;
    if (point < 128) text = static_cast<char>(point);
    else text = {static_cast<char>(0xC0 | (point >> 6)), static_cast<char>(0x80 | (point & 63))};
    vocabulary[text] = id++;
  }
  const Json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  return dumpJson({{"version", "1.0"}, {"truncation", nullptr}, {"padding", nullptr}, {"added_tokens", added}, {"normalizer", nullptr}, {"pre_tokenizer", byteLevel},
                   {"post_processor", nullptr}, {"decoder", byteLevel},
                   {"model", {{"type", "BPE"}, {"dropout", nullptr}, {"unk_token", nullptr}, {"continuing_subword_prefix", nullptr}, {"end_of_word_suffix", nullptr},
                              {"fuse_unk", false}, {"byte_fallback", false}, {"vocab", vocabulary}, {"merges", Json::array()}}}});
}

inline Status writeTinyModel(const std::filesystem::path& folder, std::uint64_t seed, double deviation = 0.08, models::DecoderConfig config = tinyConfig()) {
  const std::string tokenizer = byteTokenizer();
  RETORT_TRY(const Json parsed, parseJson(tokenizer, "tokenizer.json"));
  const auto vocabulary = static_cast<std::int64_t>(parsed["model"]["vocab"].size());
  config.vocab = std::max(config.vocab, vocabulary);
  const engine::Decoder decoder = engine::randomDecoder(config, at::kFloat, at::kCPU, seed, deviation);
  models::HfFolderContent content;
  content.config = config;
  content.dtype = "float32";
  content.tensors = engine::tensorsToWrite(engine::unfused(decoder, at::kFloat));
  content.tokenizer.tokenizerJson = tokenizer;
  content.tokenizer.tokenizerConfigJson = dumpJson({{"tokenizer_class", "PreTrainedTokenizerFast"}, {"bos_token", "<|im_start|>"}, {"eos_token", "<|im_end|>"},
                                                    {"pad_token", "<|endoftext|>"}, {"chat_template", text::builtInTemplate("chatml")}});
  RETORT_CHECK(makeFolders(folder));
  auto names = models::writeHfFolder(folder, std::move(content));
  return names.ok() ? Status{} : Status{names.error()};
}

inline std::vector<job::Row> tinyRows(int count) {
  const std::vector<std::string> colours{"red", "green", "blue", "yellow"};
  const std::vector<std::string> things{"the cat", "the dog", "the sea", "the house", "the sky", "the mat"};
  std::vector<job::Row> rows;
  for (int i = 0; i < count; ++i) {
    job::Row row;
    row.id = "row-" + std::to_string(i);
    row.group = row.id;
    std::string question = "what is the colour of " + things[static_cast<std::size_t>(i) % things.size()];
    for (int k = 0; k < i % 5; ++k) question += " and " + things[static_cast<std::size_t>(i + k + 1) % things.size()];
    question += " " + std::to_string(i);
    row.messages = Json::array({{{"role", "user"}, {"content", question}}});
    row.target = {{"role", "assistant"}, {"content", colours[static_cast<std::size_t>(i * 7 + i / 4) % colours.size()]}};
    row.teacher = "gold";
    rows.push_back(row);
  }
  return rows;
}

inline Status writeTinyDataset(const std::filesystem::path& folder, const std::vector<job::Row>& train, const std::vector<job::Row>& validation) {
  RETORT_CHECK(makeFolders(folder));
  RETORT_CHECK(job::writeRows(folder / "train.jsonl", train));
  RETORT_CHECK(job::writeRows(folder / "validation.jsonl", validation));
  return writeJsonFile(folder / "card.json", {{"schema", "retort.dataset/1"}, {"sha256", std::string(64, 'a')}});
}

}  // namespace retort::tests
