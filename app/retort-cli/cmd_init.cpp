// `init DIR`: makes a workspace.
#include "app/retort-cli/cli.h"

namespace retort::cli {
namespace {

int init(Context& context, const Args& args) {
  if (args.positional().size() != 1) return context.usage("init needs exactly one folder");
  const auto workspace = Workspace::create(args.positional()[0], args.get("--name"));
  if (!workspace.ok()) return context.fail(workspace.error());
  context.print("Made the workspace " + workspace->root().string());
  context.printJson({{"workspace", workspace->root().string()}, {"id", workspace->id()}, {"name", workspace->name()}});
  return done;
}

const Registration r{{"init", "", "init DIR [--name NAME]", "Makes a workspace: the folder of one project.",
                      {{"--name", "NAME", "a name for people; else the folder's"}}, init}};

}  // namespace
}  // namespace retort::cli
