// Runs before anything is painted: the theme that was chosen here, else the system's.
try {
  const chosen = localStorage.getItem("coalmine.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage is forbidden here: the system's.
}
