if (location.hash === "#wrong") document.querySelector("#alert").hidden = false;
