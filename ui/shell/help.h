// The help pages (resources/help) in a window of their own beside the work; F1 shows the page of what is in view.
#pragma once
#include <QDialog>

class QListWidget;
class QTextBrowser;

namespace retort::ui {

class HelpWindow : public QDialog {
  Q_OBJECT
 public:
  explicit HelpWindow(QWidget* parent);
  /// The page `name` of resources/help ("logs", "shortcuts" …); an unknown one shows the first.
  void showPage(const QString& name);
  [[nodiscard]] QString page() const;

 private:
  QListWidget* m_list;
  QTextBrowser* m_text;
};

/// Names of the help pages in their order; and the text of one, empty when there is none.
[[nodiscard]] QStringList helpPages();
[[nodiscard]] QString helpText(const QString& name);

}  // namespace retort::ui
