// `model prune` and `model new`: smaller and fresh models as folders.
#include "app/retort-cli/cli.h"
#include "base/files.h"
#include "base/format.h"
#include "models/fresh_model.h"
#include "models/library.h"
#include "models/model_source.h"
#include "models/prune.h"
#include "text/bpe_trainer.h"
#include "text/chat_template.h"

namespace retort::cli {
namespace {

std::filesystem::path workspaceRoot(const Context& context) {
  const auto workspace = context.workspace();
  return workspace.ok() ? workspace->root() : std::filesystem::path();
}

int prune(Context& context, const Args& args) {
  if (args.positional().size() != 1 || !args.has("--layers") || !args.has("--out")) return context.usage("model prune needs a model, --layers and --out");
  const auto path = models::Library(workspaceRoot(context)).resolve(args.positional()[0]);
  if (!path.ok()) return context.fail(path.error());
  const auto model = models::openModel(*path);
  if (!model.ok()) return context.fail(model.error());
  const auto kept = models::parseLayers(args.get("--layers"), static_cast<int>((*model)->config().layers));
  if (!kept.ok()) return context.fail(kept.error());
  const auto written = models::pruneModel(*path, *kept, args.get("--out"));
  if (!written.ok()) return context.fail(written.error());
  const auto config = (*model)->config().withLayers(*kept);
  context.print("Wrote " + args.get("--out") + ": " + std::to_string(kept->size()) + " of " + std::to_string((*model)->config().layers) + " layers, " + formatCount(config.parameters()) + " parameters");
  context.printJson({{"path", args.get("--out")}, {"layers", *kept}, {"parameters", config.parameters()}});
  return done;
}

/// The shape of the built-in tiny model: under 2 MB in bf16.
models::DecoderConfig tinyConfig(std::int64_t vocabulary) {
  models::DecoderConfig c;
  c.family = "llama";
  c.vocab = vocabulary;
  c.hidden = 128;
  c.layers = 4;
  c.heads = 4;
  c.kvHeads = 2;
  c.headDim = 32;
  c.ffn = 320;
  c.context = 512;
  c.ropeTheta = 10000;
  c.eosIds = {2};
  c.bosId = 1;
  c.padId = 0;
  return c;
}

int fresh(Context& context, const Args& args) {
  if (args.positional().size() != 1 || !args.has("--out")) return context.usage("model new needs a text file and --out");
  const auto seed = args.integer("--seed", 1), vocabulary = args.integer("--vocabulary", 1024);
  for (const auto* n : {&seed, &vocabulary})
    if (!n->ok()) return context.fail(n->error());
  const auto text = readFile(args.positional()[0]);
  if (!text.ok()) return context.fail(text.error());
  std::vector<std::string> lines;
  for (const auto line : splitView(*text, '\n'))
    if (!line.empty()) lines.emplace_back(line);
  models::FreshModel model;
  const auto tokenizer = text::trainByteBpe(lines, static_cast<std::size_t>(*vocabulary), {"<|pad|>", "<|im_start|>", "<|im_end|>"});
  if (!tokenizer.ok()) return context.fail(tokenizer.error());
  model.config = tinyConfig(*vocabulary);
  model.tokenizerJson = *tokenizer;
  model.chatTemplate = std::string(text::builtInTemplate("chatml"));
  model.bosToken = "<|im_start|>";
  model.eosToken = "<|im_end|>";
  model.seed = static_cast<std::uint64_t>(*seed);
  if (auto written = models::writeFreshModel(model, args.get("--out")); !written.ok()) return context.fail(written.error());
  context.print("Wrote " + args.get("--out") + ": " + formatCount(model.config.parameters()) + " parameters, untrained");
  context.printJson({{"path", args.get("--out")}, {"parameters", model.config.parameters()}});
  return done;
}

const Registration r{{"model", "prune", "model prune M --layers SPEC --out DIR", "Writes a model with some of its layers left out.",
                      {{"--layers", "SPEC", "layers kept: 0,2,4 or 0-5 or every:2"}, {"--out", "DIR", "folder to make"}}, prune}};
const Registration n{{"model", "new", "model new TEXT --out DIR [--vocabulary N] [--seed S]", "Writes a small untrained model with a tokenizer trained on TEXT (one text a line).",
                      {{"--out", "DIR", "folder to make"}, {"--vocabulary", "N", "tokens (1024)"}, {"--seed", "S", "of the weights (1)"}}, fresh}};

}  // namespace
}  // namespace retort::cli
