// `model add|list|show|tokenize|render`: the model library, and the tokenizer and template of a model without running it.
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "app/retort-cli/cli.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/format.h"
#include "base/paths.h"
#include "models/library.h"
#include "models/model_source.h"
#include "models/text_parts.h"

namespace retort::cli {
namespace {

using models::Library;
using models::LibraryEntry;

Library libraryOf(const Context& context) {
  const auto root = findWorkspace(context.workspaceArg);
  return Library(root.ok() ? *root : fs::path());
}

Json toJson(const LibraryEntry& e) {
  return {{"name", e.name}, {"path", e.path.string()}, {"format", e.format}, {"family", e.family}, {"type", e.storedType}, {"parameters", e.parameters},
          {"bytes", e.bytes}, {"sha256", e.sha256}, {"licence", e.licence}, {"added", e.added}, {"where", e.where}};
}

std::string lineOf(const LibraryEntry& e) {
  if (e.format.empty()) return fill("{}  (gone: {})", {e.name, e.path.string()});
  return fill("{}  {} {} parameters, {}, {}  {}", {e.name, e.family, formatCount(e.parameters), e.storedType, formatBytes(e.bytes), e.path.string()});
}

/// "hf:ORG/NAME[@REV]" in the cache that Hugging Face's own tools fill.
Result<fs::path> fromHub(std::string_view text) {
  const std::string name(text.substr(3, text.find('@') == std::string_view::npos ? std::string_view::npos : text.find('@') - 3));
  const std::string revision(text.find('@') == std::string_view::npos ? "main" : text.substr(text.find('@') + 1));
  std::string folderName = "models--" + name;
  for (auto at = folderName.find('/'); at != std::string::npos; at = folderName.find('/')) folderName.replace(at, 1, "--");
  const char* home = std::getenv("HF_HOME");
  const char* user = std::getenv("HOME");
  const fs::path hub = home != nullptr ? fs::path(home) / "hub" : fs::path(user != nullptr ? user : "/") / ".cache/huggingface/hub";
  std::string commit = revision;
  if (const auto ref = readFile(hub / folderName / "refs" / revision, 4096); ref.ok()) commit = std::string(trimmed(*ref));
  const auto snapshot = hub / folderName / "snapshots" / commit;
  std::error_code code;
  if (commit.find_first_of("/\\") == std::string::npos && fs::exists(snapshot / "config.json", code)) return snapshot;
  return Error{"models.hub.absent", "model " + shown(name) + " is not on this machine", hub.string(), "Retort downloads no models by itself",
               "Run: huggingface-cli download " + name + (revision == "main" ? "" : " --revision " + revision) + ", then this command again", "", {}};
}

int add(Context& context, const Args& args) {
  const Library library = libraryOf(context);
  std::vector<fs::path> paths;
  if (args.has("--scan")) {
    for (const auto& entry : library.list())
      if (entry.where == "found") paths.push_back(entry.path);
  } else if (args.positional().size() != 1) {
    return context.usage("model add needs one path, hf:ORG/NAME, or --scan");
  } else if (args.positional()[0].starts_with("hf:")) {
    auto path = fromHub(args.positional()[0]);
    if (!path.ok()) return context.fail(path.error());
    paths.push_back(*path);
  } else {
    paths.emplace_back(args.positional()[0]);
  }
  Json added = Json::array();
  int exit = done;
  for (const auto& path : paths) {
    const std::string hubName = !args.has("--scan") && args.positional()[0].starts_with("hf:")
                                    ? fs::path(args.positional()[0].substr(3, args.positional()[0].find('@') == std::string::npos ? std::string::npos : args.positional()[0].find('@') - 3)).filename().string()
                                    : std::string();
    const auto entry = library.add(path, args.get("--name", hubName));
    if (!entry.ok()) {
      if (paths.size() == 1) return context.fail(entry.error());
      context.note(entry.error().text());
      exit = someRejected;
      continue;
    }
    context.print("Added " + lineOf(*entry));
    added.push_back(toJson(*entry));
  }
  context.printJson(args.has("--scan") ? Json{{"added", added}} : added[0]);
  return exit;
}

int list(Context& context, const Args&) {
  Json out = Json::array();
  for (const auto& entry : libraryOf(context).list()) {
    context.print(lineOf(entry));
    out.push_back(toJson(entry));
  }
  if (out.empty()) context.note("No models yet. Add one with: retort-cli model add PATH");
  context.printJson({{"models", out}});
  return done;
}

int show(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("model show needs one model");
  const auto path = libraryOf(context).resolve(args.positional()[0]);
  if (!path.ok()) return context.fail(path.error());
  const auto model = models::openModel(*path);
  if (!model.ok()) return context.fail(model.error());
  const auto parts = models::textParts(**model);
  const auto hash = models::modelSha256(*path, context.stop);
  if (!hash.ok()) return context.fail(hash.error());
  const auto& c = (*model)->config();
  Json types = Json::object();
  for (const auto& tensor : (*model)->tensors()) types[tensor.storedType] = types.value(tensor.storedType, 0) + 1;
  Json out = {{"name", (*model)->name()}, {"path", path->string()}, {"format", (*model)->format()}, {"family", c.family}, {"parameters", c.parameters()},
              {"tensors", (*model)->tensors().size()}, {"types", types}, {"bytes", (*model)->weightBytes()}, {"sha256", *hash}, {"licence", (*model)->licence()},
              {"vocab", c.vocab}, {"hidden", c.hidden}, {"layers", c.layers}, {"heads", c.heads}, {"kv_heads", c.kvHeads}, {"head_dim", c.headDim}, {"ffn", c.ffn},
              {"context", c.context}, {"tied", c.tiedEmbeddings}, {"rope_theta", c.ropeTheta}, {"rms_epsilon", c.rmsEpsilon}, {"bos", c.bosId}};
  out["eos"] = parts.ok() ? Json(parts->stopIds) : Json(c.eosIds);
  out["template"] = (*model)->chatTemplate();
  if (!parts.ok()) out["tokenizer_error"] = parts.error().text();
  context.print(fill("{} ({}, {})", {(*model)->name(), c.family, (*model)->format()}));
  context.print(fill("  {} parameters, {} layers of {}, {} heads, context {}, vocabulary {}",
                     {formatCount(c.parameters()), std::to_string(c.layers), std::to_string(c.hidden), std::to_string(c.heads), formatCount(c.context), formatCount(c.vocab)}));
  context.print(fill("  {} in {}, licence {}, sha256 {}", {formatBytes((*model)->weightBytes()), types.dump(), (*model)->licence().empty() ? "not stated" : (*model)->licence(), *hash}));
  if (parts.ok()) {
    std::string stops;
    for (const auto id : parts->stopIds) stops += (stops.empty() ? "" : ", ") + std::to_string(id) + " " + std::string(parts->tokenizer->tokenText(id));
    context.print(fill("  ends a turn with {}; chat template: {}", {stops.empty() ? "nothing known" : stops, parts->chat ? "yes" : "none"}));
  } else {
    context.note(parts.error().text());
  }
  context.printJson(out);
  return done;
}

Result<std::string> readInput(const std::string& path) {
  if (!path.empty() && path != "-") return readFile(path);
  return std::string(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
}

/// \n, \t and \\ of a separator typed in a shell.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 't' || text[i + 1] == '\\');
    out += escape ? (text[i + 1] == 'n' ? '\n' : text[i + 1] == 't' ? '\t' : '\\') : text[i];
    if (escape) ++i;
  }
  return out;
}

int tokenize(Context& context, const Args& args) {
  if (args.positional().empty() || args.positional().size() > 2) return context.usage("model tokenize needs a model and at most one file");
  const auto path = libraryOf(context).resolve(args.positional()[0]);
  if (!path.ok()) return context.fail(path.error());
  const auto parts = models::textPartsOf(*path);
  if (!parts.ok()) return context.fail(parts.error());
  const auto input = readInput(args.positional().size() == 2 ? args.positional()[1] : "");
  if (!input.ok()) return context.fail(input.error());
  std::vector<std::string_view> texts;
  const std::string separator = unescaped(args.get("--separator"));
  std::string_view rest = *input;
  if (separator.empty()) texts.push_back(rest);
  while (!separator.empty() && !rest.empty()) {   // a final separator starts no text
    const auto at = rest.find(separator);
    texts.push_back(rest.substr(0, at));
    rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + separator.size());
  }
  Json all = Json::array();
  std::string lines;
  for (const auto text : texts) {
    const auto ids = parts->tokenizer->encode(text, {args.has("--special")});
    if (!ids.ok()) return context.fail(ids.error());
    for (std::size_t i = 0; i < ids->size(); ++i) lines += (i > 0 ? " " : "") + std::to_string((*ids)[i]);
    lines += '\n';
    if (context.json) all.push_back(*ids);
  }
  if (!context.json) std::fwrite(lines.data(), 1, lines.size(), stdout);
  context.printJson({{"ids", all}});
  return done;
}

Error badSet(std::string_view assignment, std::string why) {
  return Error{"cli.argument.set", "--set " + shown(assignment) + " cannot be used", "", std::move(why), "Write --set NAME=JSON, such as --set enable_thinking=false", "", {}};
}

/// --set NAME=JSON (or bare text); "now" sets the clock.
Status applySets(const Args& args, text::TemplateInput& input) {
  for (const auto& assignment : args.all("--set")) {
    const auto cut = assignment.find('=');
    if (cut == std::string::npos || cut == 0) return badSet(assignment, "there is no name before a =");
    const std::string name = assignment.substr(0, cut), value = assignment.substr(cut + 1);
    const auto parsed = parseJson(value, "--set");
    const Json json = parsed.ok() ? *parsed : Json(value);
    if (name != "now") {
      input.variables[name] = json;
      continue;
    }
    input.clockMicros = json.is_string() ? parseIsoTime(json.get<std::string>()) : std::nullopt;
    if (!input.clockMicros) return badSet(assignment, "the time must be ISO 8601, such as 2026-03-01T12:00:00Z");
  }
  return {};
}

Result<text::Rendered> renderMessages(const Context& context, const Args& args) {
  const std::string& name = args.positional()[0];
  models::TextParts parts;
  std::string source, where = name;
  if (name != "-") {
    RETORT_TRY(const auto path, libraryOf(context).resolve(name));
    RETORT_TRY(parts, models::textPartsOf(path));
    source = parts.templateSource;
  }
  if (args.has("--template")) {
    where = args.get("--template");
    RETORT_TRY(source, readFile(where, 1u << 20));
  }
  if (source.empty())
    return Error{"models.template.none", "nothing can be rendered", where, name == "-" ? "M is - and no --template is given" : "the model has no chat template",
                 "Give one with --template FILE", "", {}};
  RETORT_TRY(const auto chat, text::ChatTemplate::parse(source, where));
  RETORT_TRY(const std::string text, readInput(args.positional()[1]));
  RETORT_TRY(Json messages, parseJson(text, args.positional()[1]));
  Json tools;
  if (messages.is_object()) {
    if (messages.contains("tools")) tools = messages["tools"];
    const Json inner = messages.value("messages", Json());
    messages = inner;
  }
  if (!messages.is_array()) return Error{"cli.argument.messages", args.positional()[1] + " holds no messages", "", "it must be a JSON array of messages", "See the help", "", {}};
  if (args.has("--tools")) {
    RETORT_TRY(tools, readJsonFile(args.get("--tools")));
  }
  text::TemplateInput input;
  input.variables["messages"] = messages;
  input.variables["tools"] = tools;
  input.variables["documents"] = nullptr;
  input.variables["add_generation_prompt"] = !args.has("--no-prompt");
  if (name != "-") input.variables["bos_token"] = parts.tokens.bos, input.variables["eos_token"] = parts.tokens.eos;
  RETORT_CHECK(applySets(args, input));
  return chat->render(input);
}

int render(Context& context, const Args& args) {
  if (args.positional().size() != 2) return context.usage("model render needs a model (or -) and a file of messages");
  const auto rendered = renderMessages(context, args);
  if (!rendered.ok()) return context.fail(rendered.error());
  if (!context.json) std::fwrite(rendered->text.data(), 1, rendered->text.size(), stdout);
  Json spans = Json::array();
  for (const auto& span : rendered->spans) spans.push_back({{"begin", span.begin}, {"end", span.end}, {"template", span.fromTemplate}});
  context.printJson({{"text", rendered->text}, {"spans", spans}});
  return done;
}

const Registration r1{{"model", "add", "model add PATH|hf:ORG/NAME[@REV]|--scan [--name NAME]", "Puts a model into the library; its files stay where they are.",
                       {{"--name", "NAME", "its name; else the file's"}, {"--scan", "", "add what lies in the user's models folder"}}, add}};
const Registration r2{{"model", "list", "model list", "Lists the models of the workspace and of the user.", {}, list}};
const Registration r3{{"model", "show", "model show M", "Shows the architecture, size, licence and fingerprint of a model.", {}, show}};
const Registration r4{{"model", "tokenize", "model tokenize M [FILE] [--separator S] [--special]", "Prints the token ids of texts, a line a text.",
                       {{"--separator", "S", "splits the file into texts; a final separator starts no text"}, {"--special", "", "special tokens written in the text count as such"}}, tokenize}};
const Registration r5{{"model", "render", "model render M|- MESSAGES.json [--template FILE] [--tools FILE] [--set NAME=JSON]… [--no-prompt]", "Prints messages as a chat template renders them, byte for byte.",
                       {{"--template", "FILE", "a Jinja template instead of the model's"}, {"--tools", "FILE", "a JSON array of tools"},
                        {"--set", "NAME=JSON", "a variable of the template; now=\"ISO time\" sets the clock"}, {"--no-prompt", "", "without the generation prompt"}}, render}};

}  // namespace
}  // namespace retort::cli
