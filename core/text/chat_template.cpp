// ChatTemplate over the interpreter, and the built-in templates.
#include "text/chat_template.h"

#include "text/jinja_interpreter.h"
#include "text/jinja_parser.h"

namespace retort::text {
namespace {

class JinjaTemplate : public ChatTemplate {
 public:
  explicit JinjaTemplate(std::unique_ptr<jinja::Program> program) : m_program(std::move(program)) {}
  [[nodiscard]] Result<Rendered> render(const TemplateInput& input) const override { return jinja::Interpreter(*m_program, input).run(); }
  [[nodiscard]] bool hasGenerationMarks() const override { return m_program->hasGeneration; }

 private:
  std::unique_ptr<jinja::Program> m_program;
};

constexpr std::string_view kChatMl = R"jinja({%- for message in messages %}
{{- '<|im_start|>' ~ message.role ~ '\n' }}
{%- generation %}
{{- message.content ~ '<|im_end|>' if message.role == 'assistant' }}
{%- endgeneration %}
{{- message.content ~ '<|im_end|>' if message.role != 'assistant' }}
{{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %})jinja";

constexpr std::string_view kLlama3 = R"jinja({{- bos_token }}
{%- for message in messages %}
{{- '<|start_header_id|>' ~ message.role ~ '<|end_header_id|>\n\n' }}
{%- generation %}
{{- (message.content | trim) ~ '<|eot_id|>' if message.role == 'assistant' }}
{%- endgeneration %}
{{- (message.content | trim) ~ '<|eot_id|>' if message.role != 'assistant' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}
{%- endif %})jinja";

constexpr std::string_view kZephyr = R"jinja({%- for message in messages %}
{{- '<|' ~ message.role ~ '|>\n' }}
{%- generation %}
{{- message.content ~ eos_token if message.role == 'assistant' }}
{%- endgeneration %}
{{- message.content ~ eos_token if message.role != 'assistant' }}
{{- '\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|assistant|>\n' }}
{%- endif %})jinja";

}  // namespace

Result<std::shared_ptr<const ChatTemplate>> ChatTemplate::parse(std::string_view source, std::string_view where) {
  RETORT_TRY(auto program, jinja::parseProgram(source, where));
  return std::shared_ptr<const ChatTemplate>(std::make_shared<JinjaTemplate>(std::move(program)));
}

std::string_view builtInTemplate(std::string_view name) {
  if (name == "chatml") return kChatMl;
  if (name == "llama3") return kLlama3;
  if (name == "zephyr") return kZephyr;
  return {};
}

}  // namespace retort::text
