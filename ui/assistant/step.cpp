// One step of the Distil… assistant: see step.h.
#include "ui/assistant/step.h"

#include <QComboBox>
#include <QFileDialog>

#include "ui/widgets/text.h"

namespace retort::ui {
namespace {

/// Labels are buddies of their fields, so that a mnemonic or a screen reader finds the field.
QLabel* label(const QString& text, QWidget* buddy, int width) {
  auto* l = new PlainLabel(text);
  l->setMuted(true);
  l->setMinimumWidth(width);
  l->setBuddy(buddy);
  return l;
}

}  // namespace

AssistantStep::AssistantStep(Session* session, const QString& objectName, const QString& title, const QString& lead, QWidget* parent)
    : QWidget(parent), m_session(session), m_title(title), m_lead(lead) {
  setObjectName(objectName);
  setAccessibleName(title);
  m_column = new QVBoxLayout(this);
  m_column->setContentsMargins(0, 0, 0, 0);
  m_column->setSpacing(12);
}

QFormLayout* AssistantStep::addForm() {
  auto* form = new QFormLayout;
  form->setHorizontalSpacing(16);
  form->setVerticalSpacing(10);
  form->setLabelAlignment(Qt::AlignLeft | Qt::AlignVCenter);
  form->setFieldGrowthPolicy(QFormLayout::AllNonFixedFieldsGrow);
  m_column->addLayout(form);
  return form;
}

QLineEdit* AssistantStep::addLine(QFormLayout* form, const QString& name, const char* objectName, const QString& hint) {
  auto* edit = new QLineEdit(this);
  edit->setObjectName(QLatin1String(objectName));
  edit->setAccessibleName(name);
  edit->setPlaceholderText(hint);
  form->addRow(label(name, edit, m_labelWidth), edit);
  return edit;
}

QComboBox* AssistantStep::addCombo(QFormLayout* form, const QString& name, const char* objectName) {
  auto* box = new QComboBox(this);
  box->setObjectName(QLatin1String(objectName));
  box->setAccessibleName(name);
  box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  box->setMinimumContentsLength(18);
  form->addRow(label(name, box, m_labelWidth), box);
  return box;
}

QLineEdit* AssistantStep::addPath(QFormLayout* form, const QString& name, const char* objectName, const QString& hint, bool folder) {
  auto* edit = new QLineEdit(this);
  edit->setObjectName(QLatin1String(objectName));
  edit->setAccessibleName(name);
  edit->setPlaceholderText(hint);
  auto* browse = button(tr("Choose…"), QLatin1String(objectName) + QStringLiteral("Choose"), {}, this);
  browse->setAccessibleName(tr("Choose %1").arg(name));
  auto* row = new QHBoxLayout;
  row->setSpacing(8);
  row->addWidget(edit, 1);
  row->addWidget(browse);
  form->addRow(label(name, edit, m_labelWidth), row);
  connect(browse, &QPushButton::clicked, this, [this, edit, name, folder] {
    auto* dialog = new QFileDialog(this, name, edit->text(), folder ? QString() : tr("Conversations (*.jsonl *.json)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setFileMode(folder ? QFileDialog::Directory : QFileDialog::ExistingFile);
    connect(dialog, &QFileDialog::fileSelected, edit, &QLineEdit::setText);
    dialog->open();
  });
  return edit;
}

Error fieldError(std::string_view code, const QString& what, const QString& field, const QString& why, const QString& next) {
  return {std::string(code), ss(what), ss(field), ss(why), ss(next), {}, {}};
}

}  // namespace retort::ui
