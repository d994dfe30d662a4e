// What servers want beside the weights: a Modelfile for Ollama, the rules and commands of Bedrock's import, command lines.
#include <algorithm>
#include <array>

#include "base/format.h"
#include "exports/chat_shape.h"
#include "exports/write.h"

namespace retort::exports {
namespace {

/// Architectures that Bedrock Custom Model Import takes, of the families that Retort writes.
constexpr std::array<std::string_view, 4> kImported = {"llama", "mistral", "qwen2", "qwen3"};
constexpr std::int64_t kImportedContext = 131'072;   // tokens

/// A name that Bedrock allows: letters and digits with single - or _ between, at most 63.
std::string importName(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain) out += c;
    else if (!out.empty() && out.back() != '-') out += '-';
  }
  out = out.substr(0, 63);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "student" : out;
}

}  // namespace

Result<std::string> modelfileOf(const Student& student, std::string_view ggufName) {
  RETORT_TRY(const auto shape, chatShape(student.text, student.name));
  // A server that adds BOS by the file's own flag must not find it in the template again.
  const bool addsBos = student.facts.addsBos && shape.start == student.text.tokens.bos;
  std::string out = "# " + student.name + ", made by Retort. Use it with: ollama create " + lowerAscii(student.name) + " -f Modelfile\n";
  out += "FROM ./" + std::string(ggufName) + "\nTEMPLATE \"\"\"" + goTemplate(shape, addsBos) + "\"\"\"\n";
  if (!shape.defaultSystem.empty()) out += "SYSTEM \"\"\"" + shape.defaultSystem + "\"\"\"\n";
  for (const auto id : student.text.stopIds) {
    const std::string token(student.text.tokenizer->tokenText(id));
    if (!token.empty() && token.find('"') == std::string::npos) out += "PARAMETER stop \"" + token + "\"\n";
  }
  out += "PARAMETER num_ctx " + std::to_string(std::min<std::int64_t>(student.source->config().context, 8192)) + "\n";
  if (!student.source->licence().empty()) out += "LICENSE \"\"\"" + student.source->licence() + "\"\"\"\n";
  return out;
}

Status checkBedrockImport(const Student& student) {
  const auto& config = student.source->config();
  const auto refuse = [&](std::string place, std::string why, std::string next) {
    return Error{"exports.bedrock.rule", student.name + " cannot be imported by Bedrock", std::move(place), std::move(why), std::move(next), "", {}};
  };
  if (std::find(kImported.begin(), kImported.end(), config.family) == kImported.end())
    return refuse("architecture", "Custom Model Import does not take " + config.family + "; of the families here it takes llama, mistral, qwen2 and qwen3", "Distil a student of one of these families");
  if (config.context > kImportedContext)
    return refuse("context", "it is " + formatCount(config.context) + " tokens long, and Custom Model Import takes at most " + formatCount(kImportedContext), "Lower max_position_embeddings in config.json, if the model was trained for less");
  if (!student.text.chat) return refuse("chat template", "the model has none, so Converse could not speak to it", "Choose a student with a chat template");
  return {};
}

std::string bedrockImportNote(const Student& student) {
  const std::string name = importName(student.name);
  return "# Importing " + student.name + " into Amazon Bedrock\n\nThe folder was checked against the rules of Custom Model Import (architecture, weights in bf16, context, tokenizer files, chat template). "
         "Put your bucket and role into these two commands:\n\n```\naws s3 sync . s3://BUCKET/" + name + "/\naws bedrock create-model-import-job --job-name " + name + "-import --imported-model-name " + name +
         " \\\n  --role-arn arn:aws:iam::ACCOUNT:role/ROLE --model-data-source '{\"s3DataSource\":{\"s3Uri\":\"s3://BUCKET/" + name +
         "/\"}}'\n```\n\nThe role needs s3:GetObject and s3:ListBucket on the bucket. Importing and keeping the model cost money.\n";
}

std::vector<std::string> serveCommands(const Target& target, std::string_view path, const Student& student) {
  const std::string at(path), name = lowerAscii(student.name);
  switch (target.kind) {
    case Kind::hf: return {"vllm serve " + at + " --served-model-name " + name};
    case Kind::gguf: return {"llama-server -m " + at + " --jinja --port 8080"};
    case Kind::ggufAdapter: return {"llama-server -m BASE.gguf --lora " + at + " --jinja --port 8080"};
    case Kind::adapter: return {"vllm serve BASE --enable-lora --lora-modules " + name + "=" + at};
    case Kind::ollama: return {"ollama create " + name + " -f " + at + "/Modelfile"};
    case Kind::bedrockImport: return {};
  }
  return {};
}

}  // namespace retort::exports
