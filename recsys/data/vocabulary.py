"""The words of the sample shop: what its departments sell, in which countries, under which made-up brands."""

from typing import NamedTuple


class Range(NamedTuple):
    """One category of the shop: its department, its name, a middle price and the products it sells."""

    department: str
    name: str
    price: float
    products: tuple[str, ...]


RANGES = (
    Range("Kitchen", "Coffee", 38.0, ("Pour-Over Kettle", "Burr Grinder", "French Press", "Espresso Cups", "Moka Pot",
                                      "Milk Frother", "Dripper Set", "Travel Mug")),
    Range("Kitchen", "Baking", 24.0, ("Loaf Tin", "Rolling Pin", "Mixing Bowl", "Cake Stand", "Pastry Brush",
                                      "Muffin Tray", "Piping Set", "Kitchen Scale")),
    Range("Home", "Lighting", 64.0, ("Table Lamp", "Floor Lamp", "Pendant Light", "String Lights", "Desk Lamp",
                                     "Storm Lantern", "Candle Holder", "Wall Light")),
    Range("Home", "Textiles", 46.0, ("Wool Throw", "Cushion Cover", "Bed Linen Set", "Bath Towel", "Linen Curtains",
                                     "Hallway Rug", "Tablecloth", "Quilted Blanket")),
    Range("Garden", "Planting", 22.0, ("Stoneware Planter", "Watering Can", "Seed Kit", "Plant Stand", "Hand Trowel",
                                       "Herb Box", "Hanging Basket", "Pruning Shears")),
    Range("Garden", "Outdoor", 72.0, ("Deck Chair", "Fire Bowl", "Picnic Blanket", "Hammock", "Parasol", "Bird Feeder",
                                      "Garden Bench", "Cool Box")),
    Range("Office", "Stationery", 16.0, ("Dotted Notebook", "Fountain Pen", "Desk Pad", "Weekly Planner",
                                         "Pencil Case", "Letter Set", "Card Holder", "Ink Bottle")),
    Range("Office", "Desk", 44.0, ("Laptop Stand", "Cable Organiser", "Charging Tray", "Monitor Riser", "Desk Fan",
                                   "Wrist Rest", "Headphone Stand", "Document Tray")),
    Range("Sport", "Cycling", 52.0, ("Handlebar Bag", "Bike Light Set", "Floor Pump", "Bottle Cage", "Cycling Gloves",
                                     "Saddle Cover", "Multi-Tool", "Rain Cape")),
    Range("Sport", "Yoga", 34.0, ("Yoga Mat", "Cork Block", "Cotton Strap", "Meditation Cushion", "Foam Roller",
                                  "Balance Board", "Massage Ball", "Mat Bag")),
    Range("Travel", "Luggage", 88.0, ("Weekender Bag", "Packing Cubes", "Wash Bag", "Passport Wallet", "Neck Pillow",
                                      "Luggage Tag", "Day Pack", "Garment Bag")),
    Range("Travel", "Camping", 58.0, ("Camp Stove", "Sleeping Pad", "Enamel Mug", "Head Torch", "Dry Bag",
                                      "Folding Stool", "Trail Knife", "Camp Quilt")),
    Range("Kids", "Toys", 26.0, ("Wooden Blocks", "Animal Puzzle", "Marble Run", "Play Kitchen", "Stacking Rings",
                                 "Pull-Along Dog", "Train Set", "Story Dice")),
    Range("Kids", "Nursery", 42.0, ("Night Light", "Swaddle Set", "Growth Chart", "Storage Basket", "Crib Mobile",
                                    "Bath Thermometer", "Play Mat", "Changing Mat")),
    Range("Beauty", "Skin", 28.0, ("Day Cream", "Cleansing Balm", "Facial Oil", "Clay Mask", "Lip Balm Trio",
                                   "Rose Toner", "Eye Serum", "Hand Cream")),
    Range("Beauty", "Bath", 19.0, ("Bath Salts", "Olive Soap", "Body Brush", "Shower Oil", "Linen Spray",
                                   "Scented Candle", "Sea Sponge", "Reed Diffuser")),
)  # fmt: skip

BRANDS = (
    "Alderwick", "Northmere", "Brindlow", "Tessaly", "Oakhallow", "Lumery", "Marrowby", "Fennimore", "Koru & Pine",
    "Saltwell", "Hollin", "Ostrava Mill", "Quillby", "Verrano", "Thistledown", "Bramcote", "Isolde", "Pellwood",
    "Sundry Lane", "Wrenfield", "Castorby", "Maplin Row", "Eskdale & Co", "Harbourne",
)  # fmt: skip

COLOURS = ("Sage", "Charcoal", "Ivory", "Terracotta", "Navy", "Mustard", "Blush", "Slate", "Forest", "Sand", "Copper",
           "Indigo")  # fmt: skip

COUNTRIES = (("GB", 0.34), ("DE", 0.18), ("FR", 0.13), ("US", 0.12), ("NL", 0.09), ("ES", 0.07), ("SE", 0.04),
             ("NO", 0.03))  # fmt: skip

BANDS = ("budget", "standard", "premium")
BAND_PRICE = (0.55, 1.0, 2.1)

SEASONS = {  # category name: (week of the year in which it sells best, how much more than in its worst week)
    "Planting": (17, 3.0),
    "Outdoor": (25, 4.0),
    "Camping": (27, 3.0),
    "Luggage": (26, 1.8),
    "Cycling": (21, 1.8),
    "Lighting": (48, 1.8),
    "Textiles": (46, 1.6),
    "Toys": (49, 3.0),
    "Baking": (50, 2.0),
    "Bath": (49, 1.6),
    "Stationery": (36, 1.6),
}
